"""Whether a trial's networks learned anything, asked of what they were trained on.

A network that learned nothing has no generalization gap, so its settings would look like cures. One
that learned its training set, and on the test set is no better than a constant, is the worst
overfitter there is: it did learn.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from study.analysis.intervals.random_effects import FloatArray

SIGNIFICANCE = 0.05
ONE_SIDED = float(stats.norm.ppf(1.0 - SIGNIFICANCE))


def learned(results: pd.DataFrame, splits: pd.DataFrame) -> "pd.Series[bool]":
    """Per row of results, whether its networks know more of their training set than how frequent
    its classes are.

    They do if the deviance that they explain, 2 n (H − train loss) for n training examples of
    entropy H, is more than chance gives to K − 1 frequencies (chi-square; Wilks, Annals of
    Mathematical Statistics 9, 1938). A loss says little of networks that are sure of their few
    mistakes; they learned as well if their predictions on the test set go with the classes:
    `associated`. On a truth table more right answers than the most frequent class has are enough.
    Where an earlier version did not record the classes, train accuracy is compared with the share
    of the most frequent class and the error that it has on so many examples.
    """
    constant = float(splits["majority_test_accuracy"].mean())
    if is_truth_table(splits):
        return _bools(results["train_accuracy"] > constant)
    fraction = results.get("train_fraction", pd.Series(1.0, results.index)).fillna(1.0)
    examples = fraction.astype("float64") * float(splits["train_examples"].mean())
    if not classes_recorded(splits):
        error = np.sqrt(constant * (1.0 - constant) / examples)
        return _bools(results["train_accuracy"] > constant + ONE_SIDED * error)
    counts = [np.asarray(row) for row in splits["train_classes"]]
    entropy = float(np.mean([stats.entropy(own) for own in counts]))
    explained = 2.0 * examples * (entropy - results["train_loss"])
    knows_more = _bools(explained > _chance(int((counts[0] > 0).sum())))
    return knows_more | associated(results, splits)


def failed_seeds(
    replicates: pd.DataFrame, members: pd.DataFrame, splits: pd.DataFrame
) -> "pd.Series[bool]":
    """Per row of replicates, whether its seed failed: all its networks diverged, or they did not
    learn their training set together, by the rule of `learned` without its second half."""
    networks = members.groupby(["trial", "replicate"])["diverged"].all()
    keys = pd.MultiIndex.from_frame(replicates[["trial", "replicate"]])
    diverged = networks.reindex(keys, fill_value=False).to_numpy(dtype=bool)
    by_replicate = splits.set_index("replicate")
    number = replicates["replicate"]
    if is_truth_table(splits) or not classes_recorded(splits):
        constant = number.map(by_replicate["majority_test_accuracy"]).astype("float64")
        knows_more = constant.isna() | (replicates["train_accuracy"] > constant)
    else:
        classes = by_replicate["train_classes"].map(np.asarray)
        entropy = number.map(classes.map(stats.entropy))
        chance = number.map(classes.map(lambda own: _chance(int((own > 0).sum()))))
        explained = 2.0 * replicates["train_examples"] * (entropy - replicates["train_loss"])
        knows_more = explained > chance
    return pd.Series(diverged | ~knows_more.to_numpy(dtype=bool), replicates.index)


def memorized(results: pd.DataFrame, splits: pd.DataFrame) -> "pd.Series[bool]":
    """Per row of results, whether it knows most of its training set and nothing that helps on the
    test set.

    It knows most where it is right on more than half of the training examples that the constant
    prediction gets wrong, and is better there than on the test set by more than the error of both
    accuracies. Nothing helps where neither accuracy nor balanced accuracy nor loss on the test set
    is better than that of the constant prediction, the first two by more than their error.
    """
    constant = float(splits["majority_test_accuracy"].mean())
    if is_truth_table(splits) or not classes_recorded(splits):
        return pd.Series(False, results.index)
    examples = len(splits["test_index"].iloc[0])
    variance = constant * (1.0 - constant)
    error = np.sqrt(variance / examples)
    of_gap = np.sqrt(variance / examples + variance / float(splits["train_examples"].mean()))
    fits = results["train_accuracy"] > (1.0 + constant) / 2.0
    overfits = results["train_accuracy"] - results["test_accuracy"] > ONE_SIDED * of_gap
    no_better = (
        (results["test_accuracy"] <= constant + ONE_SIDED * error)
        & ~associated(results, splits)
        & (results["test_loss"] >= constant_test_loss(splits))
    )
    return learned(results, splits) & _bools(fits & overfits & no_better)


def associated(results: pd.DataFrame, splits: pd.DataFrame) -> "pd.Series[bool]":
    """Per row of results, whether the balanced accuracy on the test set is above 1/K by more than
    5 % of permutations of the test labels give.

    Its mean over permutations is 1/K exactly, whatever is predicted, and its variance at most
    n Σ (1 − aₖ²) / nₖ / (4 K² (n − 1)) with aₖ = (K − 2) nₖ / n, for nₖ test examples of class k:
    Hoeffding's variance of a linear permutation statistic (Annals of Mathematical Statistics 22,
    1951), maximized over how often each class is predicted.
    """
    counts = np.asarray(splits["test_classes"].iloc[0], dtype=np.float64)
    counts = counts[counts > 0]
    classes, examples = len(counts), counts.sum()
    if classes < 2:
        return pd.Series(False, results.index)
    shares = (classes - 2) * counts / examples
    total = float(((1.0 - shares**2) / counts).sum())
    variance = examples * total / (4 * classes**2 * (examples - 1.0))
    return _bools(results["balanced_test_accuracy"] > 1 / classes + ONE_SIDED * np.sqrt(variance))


def constant_test_loss(splits: pd.DataFrame) -> float:
    """The loss on the test set of always predicting the frequencies of the training classes."""
    pairs = zip(splits["test_classes"], splits["train_classes"], strict=True)
    return float(np.mean([_cross_entropy(test, train) for test, train in pairs]))


def classes_recorded(splits: pd.DataFrame) -> bool:
    """Whether the numbers of examples of each class are known."""
    return "train_classes" in splits and all(row is not None for row in splits["train_classes"])


def is_truth_table(splits: pd.DataFrame) -> bool:
    """Whether all examples there are serve for training, validation and test: no gap to measure."""
    first = splits.iloc[0]
    return bool(np.array_equal(first["validation_index"], first["test_index"]))


def _chance(classes: int) -> float:
    """The deviance that frequencies of classes explain by chance alone, in 95 of 100 cases."""
    return float(stats.chi2.ppf(1.0 - SIGNIFICANCE, max(classes - 1, 1)))


def _bools(answers: Any) -> "pd.Series[bool]":
    """Without an answer, where a trial has no figures: no."""
    filled: pd.Series[bool] = pd.Series(answers).fillna(value=False).astype(bool)
    return filled


def _cross_entropy(counts: Any, predicted: Any) -> float:
    """In nats, of classes as frequent as counts [K] under the frequencies of predicted [K]."""
    shares: FloatArray = np.asarray(counts, dtype=np.float64) / np.sum(counts)
    frequencies = np.asarray(predicted, dtype=np.float64) / np.sum(predicted)
    there = shares > 0
    return float(-(shares[there] * np.log(np.maximum(frequencies[there], 1e-12))).sum())
