"""Which examples each trial got right: from packed bits to tables with example identities."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from study.analysis.intervals.groups import by_group
from study.analysis.intervals.random_effects import BoolArray, FloatArray
from study.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Right or wrong on the shared test set, of T trials, R replicates and N examples.

    trials [T] are their numbers, examples [N] the rows of the data set, correct [T, R, N],
    train_accuracy [T, R]. fixed_examples: the test set is all there is (a truth table). groups [N]
    are codes of the groups that examples belong to; None: they are independent, or an earlier
    version did not record them.
    """

    trials: IntArray
    examples: IntArray
    correct: BoolArray
    train_accuracy: FloatArray
    fixed_examples: bool
    groups: IntArray | None = None

    @cached_property
    def contributions(self) -> BoolArray | FloatArray:
        """What every interval and test is computed from: [T, R, units], correct itself where
        examples are independent, else a value per group with the same mean (see by_group)."""
        return by_group(self.correct, self.groups)

    @property
    def units(self) -> int:
        """How many independent units were tested: groups, or examples."""
        return int(self.contributions.shape[-1])


@dataclass(frozen=True, eq=False)
class ValidationOutcomes:
    """Right or wrong on each replicate's own validation examples.

    trials [T]; per replicate examples [n] and correct [T, n]; all_examples is how many rows the
    replicates' validation sets can be drawn from, at most. groups has the code of each example's
    group, per replicate [n]; None: examples are independent.
    """

    trials: IntArray
    examples: tuple[IntArray, ...]
    correct: tuple[BoolArray, ...]
    all_examples: int
    groups: tuple[IntArray, ...] | None = None

    @property
    def units(self) -> tuple[IntArray, ...]:
        """What a resample draws, per replicate [n]: the examples' groups, or the examples."""
        return self.examples if self.groups is None else self.groups


def outcomes_on_test(replicates: "pd.DataFrame", splits: "pd.DataFrame") -> Outcomes:
    """The test set's table, from load_replicates and load_splits.

    Trials that lack a replicate are left out. Raises InvalidInput where the replicates of a study
    have test sets of their own.
    """
    identities = [np.asarray(index) for index in splits["test_index"]]
    if any(not np.array_equal(identities[0], other) for other in identities[1:]):
        raise InvalidInput("the replicates of this study were tested on different examples")
    complete = _with_every_replicate(replicates, len(splits))
    trials = complete["trial"].to_numpy(dtype=np.int64)[:: len(splits)]
    shape = (len(trials), len(splits))
    correct = _unpack(complete["test_correct"], len(identities[0]))
    validation = np.asarray(splits["validation_index"].iloc[0])
    return Outcomes(
        trials=trials,
        examples=identities[0],
        correct=correct.reshape(*shape, -1),
        train_accuracy=complete["train_accuracy"].to_numpy(dtype=np.float64).reshape(shape),
        fixed_examples=bool(np.array_equal(validation, identities[0])),
        groups=_groups(splits, "test_groups")[0],
    )


def outcomes_on_validation(
    replicates: "pd.DataFrame", splits: "pd.DataFrame"
) -> ValidationOutcomes:
    """The validation sets' tables, from load_replicates and load_splits."""
    complete = _with_every_replicate(replicates, len(splits))
    examples = tuple(np.asarray(index) for index in splits["validation_index"])
    correct = tuple(
        _unpack(own["validation_correct"], len(examples[place]))
        for place, (_, own) in enumerate(complete.groupby("replicate", sort=True))
    )
    groups = _groups(splits, "validation_groups")
    return ValidationOutcomes(
        trials=complete["trial"].to_numpy(dtype=np.int64)[:: len(splits)],
        examples=examples,
        correct=correct,
        all_examples=1 + max(int(index.max()) for index in examples),
        groups=None if any(own is None for own in groups) else tuple(groups),
    )


def _groups(splits: "pd.DataFrame", column: str) -> list[Any]:
    """Per replicate, the group of every example of a side; None where none is recorded."""
    if column not in splits.columns:
        return [None] * len(splits)
    return [None if own is None else np.asarray(own, np.int64) for own in splits[column]]


def _with_every_replicate(replicates: "pd.DataFrame", count: int) -> "pd.DataFrame":
    there = replicates.groupby("trial")["replicate"].transform("size") == count
    return replicates[there].sort_values(["trial", "replicate"])


def _unpack(packed: "pd.Series[bytes]", count: int) -> BoolArray:
    """[rows, count] from one bytes object per row."""
    size = (count + 7) // 8
    raw = np.frombuffer(b"".join(packed), dtype=np.uint8).reshape(-1, size)
    return np.unpackbits(raw, axis=1, count=count).astype(bool)
