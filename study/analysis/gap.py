"""How much each trial overfits: train accuracy − test accuracy, with its uncertainty."""

import numpy as np
import pandas as pd

from study.analysis.bits import outcomes_on_test
from study.analysis.crossed import CONFIDENCE, accuracy_interval, crossed_precision


def generalization_gaps(
    replicates: pd.DataFrame, splits: pd.DataFrame, confidence: float = CONFIDENCE
) -> pd.DataFrame:
    """One row per trial: train_accuracy, test_accuracy and generalization_gap, with intervals.

    Columns trial, train_accuracy, test_accuracy, test_low, test_high, generalization_gap, gap_low,
    gap_high, method. The gap is that of the recipe: its expectation over train/validation splits,
    initial weights and test examples. method is "crossed" (study.analysis.crossed, which has the
    formula and its measured coverage), "wilson" for one replicate (Wilson, JASA 22, 1927: of this
    one network, given its train accuracy), or "replicates" where the test set is a truth table.
    """
    outcomes = outcomes_on_test(replicates, splits)
    train, correct = outcomes.train_accuracy, outcomes.correct
    count, examples = correct.shape[1:]
    test = correct.mean(axis=(1, 2))
    fixed = outcomes.fixed_examples
    of_test = crossed_precision(correct, fixed_examples=fixed)
    # All of a truth table is tested: what is drawn at random is the replicates.
    drawn = count if fixed else examples
    test_low, test_high = accuracy_interval(test, of_test, drawn, confidence)
    if fixed:
        method = "replicates"
        of_gap = crossed_precision(-1.0 * correct, train, fixed_examples=True)
        gap = train.mean(axis=1) - test
        margin = of_gap.margin(confidence) if count > 1 else np.zeros_like(gap)
        low, high = gap - margin, gap + margin
    else:
        method = "wilson" if count == 1 else "crossed"
        of_gap = crossed_precision(-1.0 * correct, train)
        gap = train.mean(axis=1) - test
        # The gap is test accuracy mirrored at train accuracy: near 1 its interval is as lopsided.
        mirrored_low, mirrored_high = accuracy_interval(test, of_gap, examples, confidence)
        low = train.mean(axis=1) - mirrored_high
        high = train.mean(axis=1) - mirrored_low
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
