"""Is one configuration better than another? Paired where they share splits and test examples."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from study.analysis.intervals.correctness import Outcomes, outcomes_on_test
from study.analysis.intervals.multiplicity import holm
from study.analysis.intervals.random_effects import (
    CONFIDENCE,
    BoolArray,
    FloatArray,
    Precision,
    crossed_precision,
    never_certain,
)
from study.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Difference:
    """first − second, with its interval and the two-sided p-value of no difference."""

    estimate: float
    low: float
    high: float
    p_value: float
    method: str


def compare_trials(
    replicates: pd.DataFrame,
    splits: pd.DataFrame,
    trials: list[int],
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """The first trial against each of the others: differences of test accuracy and of the gap.

    One row per other trial and quantity, with Holm's p-values over the rows of a quantity.
    Raises InvalidInput for a trial that is not complete.
    """
    outcomes = outcomes_on_test(replicates, splits)
    rows = []
    for other in trials[1:]:
        for quantity in ("test_accuracy", "generalization_gap"):
            found = paired_difference(outcomes, trials[0], other, quantity, confidence)
            rows.append((trials[0], other, quantity, *_values(found)))
    table = pd.DataFrame(
        rows,
        columns=["first", "second", "quantity", "difference", "low", "high", "p_value", "method"],
    )
    table["p_holm"] = np.nan
    for _, own in table.groupby("quantity"):
        table.loc[own.index, "p_holm"] = holm(own["p_value"].to_numpy())
    return table


def paired_difference(
    outcomes: Outcomes,
    first: int,
    second: int,
    quantity: str = "test_accuracy",
    confidence: float = CONFIDENCE,
) -> Difference:
    """Of two trials of one study, on the same splits and test examples.

    With several replicates the crossed interval of the differences; with one, of test accuracy of
    independent examples, `mcnemar`. quantity is "test_accuracy" or "generalization_gap".
    """
    one, two = _place(outcomes, first), _place(outcomes, second)
    train, units = outcomes.train_accuracy, outcomes.contributions
    independent = outcomes.groups is None and not outcomes.fixed_examples
    if train.shape[1] == 1 and quantity == "test_accuracy" and independent:
        correct = outcomes.correct
        return mcnemar(correct[one, 0], correct[two, 0], confidence)
    values = units[one].astype(np.float64) - units[two]
    if quantity == "generalization_gap":
        return crossed_difference(
            -values, train[one] - train[two], outcomes.fixed_examples, confidence
        )
    return crossed_difference(values, None, outcomes.fixed_examples, confidence)


def crossed_difference(
    values: FloatArray,
    offsets: FloatArray | None,
    fixed_examples: bool = False,
    confidence: float = CONFIDENCE,
) -> Difference:
    """The mean of offsets [R] + values [R, N], both differences already: see crossed_precision."""
    precision = crossed_precision(values, offsets, fixed_examples=fixed_examples)
    precision = never_certain(precision, values.shape[-1])
    estimate = np.asarray(values.mean() + (0.0 if offsets is None else offsets.mean()))
    margin = float(precision.margin(confidence))
    return Difference(
        float(estimate),
        float(estimate) - margin,
        float(estimate) + margin,
        float(precision.p_value(estimate)),
        "replicates" if fixed_examples else "crossed",
    )


def independent_difference(
    first: Outcomes,
    trial: int,
    second: Outcomes,
    other: int,
    quantity: str = "test_accuracy",
    confidence: float = CONFIDENCE,
) -> Difference:
    """Of trials of two studies that share no splits: variances add, degrees of freedom are Welch's.

    Conservative where the two were tested on the same examples all the same.
    """
    estimates, variances, degrees = [], [], []
    for outcomes, number in ((first, trial), (second, other)):
        place = _place(outcomes, number)
        contributions, train = outcomes.contributions[place], outcomes.train_accuracy[place]
        is_gap = quantity == "generalization_gap"
        offsets = train if is_gap else np.zeros_like(train)
        values = (-1.0 if is_gap else 1.0) * contributions
        precision = crossed_precision(values, offsets, fixed_examples=outcomes.fixed_examples)
        estimates.append(float(values.mean() + offsets.mean()))
        variances.append(float(precision.variance))
        degrees.append(float(precision.degrees))
    variance = sum(variances)
    spread = sum(v**2 / d for v, d in zip(variances, degrees, strict=True))
    joint = Precision(np.asarray(variance), np.asarray(variance**2 / spread if spread else 1.0))
    estimate, margin = estimates[0] - estimates[1], float(joint.margin(confidence))
    p_value = float(joint.p_value(np.asarray(estimate)))
    return Difference(estimate, estimate - margin, estimate + margin, p_value, "independent")


def mcnemar(first: BoolArray, second: BoolArray, confidence: float = CONFIDENCE) -> Difference:
    """Two networks on the same N examples: Δ = (b − c)/N from the examples only one got right.

    The p-value is McNemar's, exact (binomial of b among b + c). The interval adds one example to b
    and to c and is then Wald's (Bonett and Price, Statistics in Medicine 31, 2012): simulated
    coverage 94 to 97 %.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    examples = len(first)
    discordant = only_first + only_second
    p_value = float(stats.binomtest(only_first, discordant).pvalue) if discordant else 1.0
    share_first = (only_first + 1) / (examples + 2)
    share_second = (only_second + 1) / (examples + 2)
    middle = share_first - share_second
    error = np.sqrt((share_first + share_second - middle**2) / (examples + 2))
    margin = float(stats.norm.ppf(0.5 + confidence / 2) * error)
    estimate = (only_first - only_second) / examples
    return Difference(estimate, middle - margin, middle + margin, p_value, "mcnemar")


def corrected_resampled_t(
    differences: FloatArray,
    validation_examples: int,
    train_examples: int,
    confidence: float = CONFIDENCE,
) -> Difference:
    """Validation scores of two configurations on the same J random splits, differences [J].

    t = d̄ / √((1/J + n_val/n_train) s²) with J − 1 degrees of freedom: Nadeau and Bengio, Inference
    for the generalization error, Machine Learning 52, 2003. The term n_val/n_train stands for the
    correlation of splits that overlap; the interval is conservative where they overlap less.
    """
    count = len(differences)
    if count < 2:
        raise InvalidInput("the corrected resampled t needs at least 2 replicates")
    estimate = float(np.mean(differences))
    ratio = 1.0 / count + validation_examples / train_examples
    # At least that of one example more or less in one of the replicates.
    variance = max(float(np.var(differences, ddof=1)), 1.0 / (count * validation_examples**2))
    error = float(np.sqrt(ratio * variance))
    margin = float(stats.t.ppf(0.5 + confidence / 2, count - 1)) * error
    p_value = float(2.0 * stats.t.sf(abs(estimate) / error, count - 1))
    return Difference(estimate, estimate - margin, estimate + margin, p_value, "nadeau-bengio")


def _place(outcomes: Outcomes, trial: int) -> int:
    places = np.flatnonzero(outcomes.trials == trial)
    if len(places) == 0:
        raise InvalidInput(f"trial {trial} is not a complete trial of this study")
    return int(places[0])


def _values(found: Difference) -> tuple[float, float, float, float, str]:
    return found.estimate, found.low, found.high, found.p_value, found.method
