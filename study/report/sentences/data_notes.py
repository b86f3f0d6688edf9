"""Sentences on what the data and the replicates allow to conclude.

Each function gives one sentence, or None where it would not be true of the study, or not worth a
line.
"""

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from study.analysis.copies import copies_in_test
from study.report.style import percent
from study.report.trials import is_truth_table

if TYPE_CHECKING:
    import pandas as pd

    from study.analysis import Measurements

# What intervals that say 95 % cover where replicates differ much: see the table of statistics in
# BENCHMARKS.md, of which a test measures these again. From five replicates on it is 94 %.
COVERED_WITH_FEW = {2: "about 88 %", 3: "about 92 %"}
MOSTLY_SHARED = 0.9


def groups_as_units(measurements: "Measurements") -> str | None:
    """How many groups there are; None where rows are independent."""
    if measurements.specification["data"].get("group") is None:
        return None
    first = measurements.splits.iloc[0]
    of_test = first["test_groups"]
    if of_test is None:
        return (
            "The rows come in groups (data.group), which the version that recorded this study did "
            "not keep: its intervals take rows for independent, and are too narrow."
        )
    rows, groups, tested = _rows(first), int(first["groups"]), len(np.unique(of_test))
    opening = f"The {rows:,} rows are of {groups:,} groups"
    if tested == 1:
        return (
            f"{opening}, and all test rows are of one: how accurate the networks are on other "
            "groups cannot be told from it."
        )
    return (
        f"{opening}, {tested:,} of them in test; a group is the unit of every interval of an "
        "accuracy and of its gap."
    )


def copies(measurements: "Measurements", trial: int) -> str | None:
    """How many test rows have the features of a training row, and how well the trial does on the
    others; None where there are none, and on a truth table."""
    found = copies_in_test(measurements.replicates, measurements.splits, trial)
    if found is None:
        return None
    if np.isnan(found.accuracy):
        return (
            f"All {found.rows:,} test rows have the same features as a training row: they are "
            "copies, and test accuracy says nothing of new rows."
        )
    several = len(measurements.splits) > 1
    counted = f"{found.copies:.1f}".removesuffix(".0")
    others = f"{found.rows - found.copies:.1f}".removesuffix(".0")
    mean = " in the mean of the replicates" if several else ""
    return (
        f"{counted} of the {found.rows:,} test rows{mean} have the same features as a training row;"
        f" on the {others} that are no such copies trial {trial} is right on "
        f"{percent(found.accuracy)} ({percent(found.low)} to {percent(found.high)})."
    )


def shared_training_rows(measurements: "Measurements") -> str | None:
    """Whether the replicates train on the same rows, or nearly; None where each draws its own, with
    one replicate, and on a truth table, where all rows there are are trained on."""
    if len(measurements.splits) < 2 or is_truth_table(measurements):
        return None
    shared = _share_of_training_rows(measurements.splits)
    if shared == 1.0:
        return (
            "All replicates train on the same rows: their spread shows the luck of seeds, not of "
            "rows."
        )
    if shared > MOSTLY_SHARED:
        return (
            f"Replicates share {percent(shared, 0)} of their training rows: their spread shows the "
            "luck of seeds, and little of that of rows."
        )
    return None


def few_replicates(replicates: int, *, truth_table: bool = False) -> str | None:
    """What the intervals of so few replicates cover; None from four on.

    On a truth table only replicates vary, and Student's interval is right for two of them.
    """
    if replicates == 1:
        return (
            "One replicate: intervals are of these networks, not of the recipe, because the luck "
            "of seeds cannot be seen."
        )
    if truth_table or replicates not in COVERED_WITH_FEW:
        return None
    word = {2: "Two", 3: "Three"}[replicates]
    return (
        f"{word} replicates: where seeds and splits make much of a difference, intervals that say "
        f"95 % cover {COVERED_WITH_FEW[replicates]}. With five they cover what they say."
    )


def _rows(split: "pd.Series") -> int:
    return int(split["train_examples"]) + len(split["validation_index"]) + len(split["test_index"])


def _share_of_training_rows(splits: "pd.DataFrame") -> float:
    """The mean over pairs of replicates of the share of training rows that both have.

    Whatever is neither in validation nor in test is trained on.
    """
    outside = [np.asarray(index) for index in splits["validation_index"]]
    train = int(splits["train_examples"].iloc[0])
    shares = [
        (train + len(one) - len(np.union1d(one, other))) / train
        for one, other in combinations(outside, 2)
    ]
    return float(np.mean(shares))
