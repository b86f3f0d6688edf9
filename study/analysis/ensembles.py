"""What an ensemble gains with every member, and whether its gap differs from its members'."""

import numpy as np
import pandas as pd

from study.analysis.intervals.random_effects import CONFIDENCE, FloatArray, crossed_precision
from study.analysis.trials import distinct_trials


def ensemble_curve(
    results: pd.DataFrame,
    members: pd.DataFrame,
    *,
    complete: bool = False,
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """One row per ensemble size m, from the trials that have ensembles of the largest size.

    Columns size, trials, train_accuracy, test_accuracy, generalization_gap (of ensembles of m,
    averaged over all subsets of the members, replicates and trials), gain (test accuracy − that of
    one member) with gain_low, gain_high, and gap_change (gap − that of one member) with
    gap_change_low, gap_change_high. Intervals are paired, given this test set, and over trials and
    replicates; over replicates alone of a single trial or, with complete, where the trials are a
    whole grid and no sample. Empty where no trial has two members.
    """
    kept = members[members["trial"].isin(distinct_trials(results)["trial"])]
    sizes = kept.groupby("trial")["member"].max() + 1
    largest = int(sizes.max()) if len(sizes) else 0
    if largest < 2:
        return pd.DataFrame(columns=["size", "trials", "test_accuracy"])
    kept = kept[kept["trial"].map(sizes) == largest]
    train = _tables(kept, "subset_train_accuracy")
    test = _tables(kept, "subset_test_accuracy")
    gap = train - test
    rows = []
    for place in range(largest):
        gain, gain_margin = _mean(test[place] - test[0], complete, confidence)
        change, change_margin = _mean(gap[place] - gap[0], complete, confidence)
        rows.append(
            {
                "size": place + 1,
                "trials": test.shape[1],
                "train_accuracy": float(train[place].mean()),
                "test_accuracy": float(test[place].mean()),
                "generalization_gap": float(gap[place].mean()),
                "gain": gain,
                "gain_low": gain - gain_margin,
                "gain_high": gain + gain_margin,
                "gap_change": change,
                "gap_change_low": change - change_margin,
                "gap_change_high": change + change_margin,
            }
        )
    return pd.DataFrame(rows)


def _tables(members: pd.DataFrame, column: str) -> FloatArray:
    """[sizes, trials, replicates]."""
    wide = members.pivot_table(index=["member", "trial"], columns="replicate", values=column)
    wide = wide.dropna()
    sizes = wide.index.get_level_values("member").nunique()
    return np.asarray(wide.to_numpy().reshape(sizes, -1, wide.shape[1]))


def _mean(differences: FloatArray, complete: bool, confidence: float) -> tuple[float, float]:
    """The mean of differences [trials, replicates] and half its interval's width."""
    if complete:
        differences = differences.mean(axis=0, keepdims=True)
    trials, replicates = differences.shape
    estimate = float(differences.mean())
    if differences.size < 2:
        return estimate, float("nan")
    if trials == 1 or replicates == 1:
        precision = crossed_precision(differences.reshape(1, -1))
    else:
        precision = crossed_precision(differences)
    return estimate, float(precision.margin(confidence))
