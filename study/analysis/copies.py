"""Test rows whose features were trained on: how many, and how well a trial does without them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study.analysis.intervals.correctness import outcomes_on_test
from study.analysis.intervals.groups import by_group
from study.analysis.intervals.random_effects import (
    CONFIDENCE,
    accuracy_interval,
    crossed_precision,
)
from study.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class CopiesInTest:
    """copies of rows test rows have the features of a training row (the mean over replicates).

    accuracy is the trial's on the others, with its interval; NaN where there are none.
    """

    rows: int
    copies: float
    accuracy: float
    low: float
    high: float


def copies_in_test(
    replicates: pd.DataFrame, splits: pd.DataFrame, trial: int, confidence: float = CONFIDENCE
) -> CopiesInTest | None:
    """Of a trial; None where no test row is a copy, on a truth table, whose test rows are its
    training rows, and where an earlier version did not record copies.

    Which rows are copies differs between replicates. The accuracy on the others is the ratio of two
    means over the table of replicates and rows, and its interval that of the linearized ratio
    (Cochran, Sampling Techniques, 1977, section 6.3).

    Raises:
        InvalidInput: the trial is not complete.
    """
    known = [own for own in splits.get("test_copies", []) if own is not None]
    if len(known) < len(splits) or not any(own.any() for own in known):
        return None
    outcomes = outcomes_on_test(replicates, splits)
    if outcomes.fixed_examples:
        return None
    if trial not in outcomes.trials:
        raise InvalidInput(f"trial {trial} is not a complete trial of this study")
    correct = outcomes.correct[outcomes.trials == trial][0].astype(np.float64)
    new = ~np.stack(known)  # [R, N]
    rows, copies = new.shape[1], float((~new).sum(axis=1).mean())
    if not new.any():
        return CopiesInTest(rows, copies, np.nan, np.nan, np.nan)
    accuracy = float(correct[new].mean())
    values = by_group(accuracy + new * (correct - accuracy) / new.mean(), outcomes.groups)
    seen = new.any(axis=0)
    units = int(seen.sum()) if outcomes.groups is None else len(set(outcomes.groups[seen].tolist()))
    low, high = accuracy_interval(
        np.asarray(accuracy), crossed_precision(values), units, confidence
    )
    return CopiesInTest(rows, copies, accuracy, float(low), float(high))
