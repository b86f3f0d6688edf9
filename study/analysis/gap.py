"""How much each trial overfits: train accuracy − test accuracy, with its uncertainty."""

import numpy as np
import pandas as pd

from study.analysis.intervals.correctness import outcomes_on_test
from study.analysis.intervals.random_effects import (
    CONFIDENCE,
    FloatArray,
    Precision,
    accuracy_interval,
    crossed_precision,
)


def generalization_gaps(
    replicates: pd.DataFrame, splits: pd.DataFrame, confidence: float = CONFIDENCE
) -> pd.DataFrame:
    """One row per trial: train_accuracy, test_accuracy and generalization_gap, with intervals.

    Columns trial, train_accuracy, test_accuracy, test_low, test_high, generalization_gap, gap_low,
    gap_high, method. The gap is that of the recipe: its expectation over train/validation splits,
    initial weights and test examples. method is "crossed" (study.analysis.intervals.random_effects,
    which has the formula and its measured coverage), "wilson" for one replicate (Wilson, JASA 22,
    1927: of this one network, given its train accuracy), or "replicates" where the test set is a
    truth table.
    """
    outcomes = outcomes_on_test(replicates, splits)
    train, correct = outcomes.train_accuracy, outcomes.contributions
    count, units = correct.shape[1:]
    test = np.asarray(outcomes.correct.mean(axis=(1, 2)))
    fixed = outcomes.fixed_examples
    of_test = crossed_precision(correct, fixed_examples=fixed)
    # All of a truth table is tested: what is drawn at random is the replicates.
    drawn = count if fixed else units
    test_low, test_high = accuracy_interval(test, of_test, drawn, confidence)
    of_gap = crossed_precision(-1.0 * correct, train, fixed_examples=fixed)
    gap = train.mean(axis=1) - test
    if fixed:
        method = "replicates"
        low, high = gap - of_gap.margin(confidence), gap + of_gap.margin(confidence)
    else:
        method = "wilson" if count == 1 else "crossed"
        below, above = gap_margins(test, of_test, of_gap, units, confidence)
        low, high = gap - below, gap + above
    return pd.DataFrame(
        {
            "trial": outcomes.trials,
            "train_accuracy": train.mean(axis=1),
            "test_accuracy": test,
            "test_low": test_low,
            "test_high": test_high,
            "generalization_gap": gap,
            "gap_low": low,
            "gap_high": high,
            "method": method,
        }
    )


def gap_margins(
    test: FloatArray,
    of_test: Precision,
    of_gap: Precision,
    examples: int,
    confidence: float = CONFIDENCE,
) -> tuple[FloatArray, FloatArray]:
    """How far the interval of a gap reaches below and above it.

    Student's, made as lopsided as Wilson's interval of the test accuracy to the degree to which the
    gap owes its variance to the test accuracy; where no test outcome varies, with Wilson's added.
    examples are the independent ones, groups where there are groups; of a single one only the
    bounds of any accuracy are known.
    """
    low, high = accuracy_interval(test, of_test, examples, confidence)
    if not np.isfinite(of_test.variance).all():
        return high - test, test - low
    plain, of_test_alone = of_gap.margin(confidence), of_test.margin(confidence)
    share = np.minimum(
        np.divide(of_test.variance, of_gap.variance, out=np.zeros_like(plain), where=plain > 0.0),
        1.0,
    )
    margins = []
    for reach in (high - test, test - low):  # a higher test accuracy is a smaller gap
        ratio = np.divide(reach, of_test_alone, out=np.ones_like(plain), where=of_test_alone > 0.0)
        lopsided = plain * (1.0 + share * (ratio - 1.0))
        margins.append(np.where(of_test_alone > 0.0, lopsided, np.hypot(plain, reach)))
    return margins[0], margins[1]
