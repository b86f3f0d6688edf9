"""A data set in memory: raw features, targets, and what its source fixed of the splits."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from workers.columns import Column
from workers.data.group_sides import DividedGroups, divided_groups
from workers.data.source import DataError, DataSource
from workers.tasks.classification import Classification
from workers.tasks.task import Task, UnusableTarget

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]


class Side(IntEnum):
    """What the source says of an example's side; POOL is divided anew for every replicate."""

    POOL = 0
    TEST = 1
    VALIDATION = 2


# By the values of Side, as a source says them.
SIDE_NAMES = ("train", "test", "validation")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples as they came, before any fitted preprocessing; N examples throughout.

    numeric is [N, columns] with NaN where a value is missing; categorical is [N, columns] of codes
    into that column's levels, −1 where missing. target is as the task codes it. side holds Side
    values; groups codes (None: examples are independent), and divided_groups says which of them the
    source put on several sides. keeps_untrained_inputs: see DataSource.untrained_inputs;
    shapes_by_all_rows: a number has an indicator of missing values also where only test examples
    lack it; drawn_for_test are examples [N] of the pool that are known to be test ones, None where
    that is not known. columns is the record of what was read (of data that are no table, nothing),
    and notes and warnings are lines about it for a person. A truth table is its own train,
    validation and test set.
    """

    name: str
    numeric: FloatArray
    categorical: IntArray
    levels: tuple[tuple[str, ...], ...]
    task: Task
    target: IntArray
    side: IntArray
    groups: IntArray | None
    is_truth_table: bool
    test_fraction: float
    validation_fraction: float
    names: tuple[str, ...] = ()
    divided_groups: DividedGroups | None = None
    keeps_untrained_inputs: bool = False
    shapes_by_all_rows: bool = False
    drawn_for_test: npt.NDArray[np.bool_] | None = None
    columns: tuple[Column, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", _digest(self))

    @property
    def examples(self) -> int:
        """Number of examples, test examples included."""
        return len(self.target)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that the target has."""
        return self.task.names

    @property
    def features(self) -> int:
        """Number of inputs of a network: after one-hot coding and indicators of missing values."""
        indicators = int(self.missing_indicators.sum())
        return int(self.numeric.shape[1]) + indicators + sum(len(level) for level in self.levels)

    @property
    def decides(self) -> npt.NDArray[np.bool_]:
        """Which examples [N] may decide what the inputs are: those that are not for testing, as far
        as that is known."""
        drawn = (
            np.zeros(self.examples, bool) if self.drawn_for_test is None else self.drawn_for_test
        )
        for_test = drawn | (self.side == Side.TEST)
        return ~np.asarray(for_test, np.bool_)

    @property
    def missing_indicators(self) -> npt.NDArray[np.bool_]:
        """Which columns of numbers have an input that says that the number is missing: those that
        lack one in an example that the source does not keep for testing."""
        rows = np.flatnonzero(self.shapes_by_all_rows | self.decides)
        return np.asarray(np.isnan(self.numeric[rows]).any(axis=0), np.bool_)


def _digest(dataset: Dataset) -> str:
    """SHA-256 of everything that a training could see, independent of how it was stored."""
    digest = hashlib.sha256()
    for text in (*dataset.names, "|", *dataset.task.names, "|", *map(repr, dataset.levels)):
        digest.update(text.encode() + b"\0")
    groups = np.empty(0, np.int64) if dataset.groups is None else dataset.groups
    for array in (dataset.numeric, dataset.categorical, dataset.target, dataset.side, groups):
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def sides_of(values: Iterable[object]) -> IntArray:
    """train, test and validation, in letters of any case, as values of Side.

    Raises:
        DataError: there is another word, or train or test does not occur.
    """
    words = ["" if value is None else str(value).strip().lower() for value in values]
    unknown = [row for row, word in enumerate(words) if word not in SIDE_NAMES]
    if unknown:
        raise DataError(
            "split",
            f"{words[unknown[0]]!r} must be train, test or validation (row {unknown[0] + 1}, the "
            f"first of {len(unknown)})",
        )
    for word in ("train", "test"):
        if word not in words:
            raise DataError("split", f"no example says {word!r}")
    return np.asarray([SIDE_NAMES.index(word) for word in words], np.int64)


def build_dataset(
    *,
    source: DataSource,
    name: str,
    numeric: FloatArray,
    target: npt.NDArray[np.generic],
    names: Iterable[str],
    categorical: IntArray | None = None,
    levels: tuple[tuple[str, ...], ...] = (),
    side: IntArray | None = None,
    groups: IntArray | None = None,
    group_names: Sequence[object] = (),
    is_truth_table: bool = False,
    columns: tuple[Column, ...] = (),
    drawn_for_test: npt.NDArray[np.bool_] | None = None,
) -> Dataset:
    """Check everything about a data set that could go wrong later, and make it.

    group_names are the groups' by their codes.
    """
    examples = len(numeric)
    if target.shape != (examples,):
        raise DataError(
            "target", f"{name}: {examples} examples need as many labels, not shape {target.shape}"
        )
    if numeric.shape[1] + len(levels) == 0:
        out = "".join(f"; {c.name!r} is left out: {c.why}" for c in columns if c.why)
        raise DataError("source", f"{name}: there is no feature beside the target{out}")
    try:
        task, codes = Classification.from_target(target)
    except UnusableTarget as error:
        raise DataError("target", f"{name}: {error}") from None
    divided = None
    if groups is not None and side is not None:
        divided = divided_groups(groups, side, group_names, SIDE_NAMES)
    dataset = Dataset(
        name=name,
        numeric=np.ascontiguousarray(numeric, dtype=np.float64),
        categorical=np.zeros((examples, 0), np.int64) if categorical is None else categorical,
        levels=levels,
        task=task,
        target=codes,
        side=np.zeros(examples, np.int64) if side is None else side,
        groups=groups,
        is_truth_table=is_truth_table,
        test_fraction=source.test_fraction,
        validation_fraction=source.validation_fraction,
        names=tuple(names),
        divided_groups=divided,
        keeps_untrained_inputs=source.untrained_inputs == "kept",
        shapes_by_all_rows=source.rules == 1,
        columns=columns,
        drawn_for_test=drawn_for_test,
    )
    if not is_truth_table:
        _check_target(dataset)
    return dataset


def _check_target(dataset: Dataset) -> None:
    """DataError where splits cannot be drawn from the examples."""
    drawn = 1 if (dataset.side == Side.VALIDATION).any() else 2
    try:
        dataset.task.check(dataset.target, dataset.side == Side.POOL, drawn)
    except UnusableTarget as error:
        raise DataError("target", f"{dataset.name}: {error}") from None
