"""A data set in memory: raw features, class labels, and what its source fixed of the splits."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from workers.data.source import DataError, DataSource

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

FEWEST_PER_CLASS = 3  # one for each of train, validation and test


class LabelKind(StrEnum):
    """What the labels were before they became names of classes."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"


class Side(IntEnum):
    """What the source says of an example's side; POOL is divided anew for every replicate."""

    POOL = 0
    TEST = 1
    VALIDATION = 2


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples as they came, before any fitted preprocessing; N examples throughout.

    numeric is [N, columns] with NaN where a value is missing; categorical is [N, columns] of codes
    into that column's levels, −1 where missing. target holds codes into classes. side holds Side
    values; groups codes (None: examples are independent). A truth table is its own train,
    validation and test set. label_kind is what the names of the classes stand for.
    """

    name: str
    numeric: FloatArray
    categorical: IntArray
    levels: tuple[tuple[str, ...], ...]
    target: IntArray
    classes: tuple[str, ...]
    side: IntArray
    groups: IntArray | None
    is_truth_table: bool
    test_fraction: float
    validation_fraction: float
    names: tuple[str, ...] = ()
    label_kind: LabelKind = LabelKind.TEXT
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", _digest(self))

    @property
    def examples(self) -> int:
        """Number of examples, test examples included."""
        return len(self.target)

    @property
    def features(self) -> int:
        """Number of inputs of a network: after one-hot coding and indicators of missing values."""
        missing = int(np.isnan(self.numeric).any(axis=0).sum())
        return int(self.numeric.shape[1]) + missing + sum(len(level) for level in self.levels)


def _digest(dataset: Dataset) -> str:
    """SHA-256 of everything that a training could see, independent of how it was stored."""
    digest = hashlib.sha256()
    for text in (*dataset.names, "|", *dataset.classes, "|", *map(repr, dataset.levels)):
        digest.update(text.encode() + b"\0")
    groups = np.empty(0, np.int64) if dataset.groups is None else dataset.groups
    for array in (dataset.numeric, dataset.categorical, dataset.target, dataset.side, groups):
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def dataset_from_arrays(
    features: npt.ArrayLike, target: npt.ArrayLike, source: DataSource, name: str = "arrays"
) -> Dataset:
    """A data set of numeric features [N, F] and N labels; DataError where they cannot be used."""
    try:
        numeric = np.asarray(features, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("source", f"{name}: the features are not numbers") from None
    if numeric.ndim != 2:
        raise DataError(
            "source", f"{name}: features must be [examples, features], not {numeric.shape}"
        )
    if not np.isfinite(numeric).all():
        row, column = np.argwhere(~np.isfinite(numeric))[0]
        raise DataError("source", f"{name}: feature {column} of example {row} is not finite")
    return build_dataset(
        source=source,
        name=name,
        numeric=numeric,
        target=np.asarray(target),
        names=tuple(f"x{i}" for i in range(numeric.shape[1])),
    )


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
    is_truth_table: bool = False,
) -> Dataset:
    """Check everything about a data set that could go wrong later, and make it."""
    examples = len(numeric)
    if target.shape != (examples,):
        raise DataError(
            "target", f"{name}: {examples} examples need as many labels, not shape {target.shape}"
        )
    if numeric.shape[1] + len(levels) == 0:
        raise DataError("source", f"{name}: there is no feature beside the target")
    codes, classes = encode_classes(target, name)
    dataset = Dataset(
        name=name,
        numeric=np.ascontiguousarray(numeric, dtype=np.float64),
        categorical=np.zeros((examples, 0), np.int64) if categorical is None else categorical,
        levels=levels,
        target=codes,
        classes=classes,
        side=np.zeros(examples, np.int64) if side is None else side,
        groups=groups,
        is_truth_table=is_truth_table,
        test_fraction=source.test_fraction,
        validation_fraction=source.validation_fraction,
        names=tuple(names),
        label_kind=label_kind(target),
    )
    if not is_truth_table:
        _check_classes(dataset)
    return dataset


def encode_classes(target: npt.NDArray[np.generic], name: str) -> tuple[IntArray, tuple[str, ...]]:
    """Labels of any kind as codes into their sorted names; a continuous target is refused."""
    if target.dtype.kind == "f":
        if not np.isfinite(target).all():
            raise DataError("target", f"{name}: a label is missing or not finite")
        if (target != np.floor(target)).any():
            raise DataError("target", f"{name}: the target is continuous; classes are needed")
        target = target.astype(np.int64)
    elif target.dtype.kind == "O":
        target = target.astype(str)
    values, codes = np.unique(target, return_inverse=True)
    distinct = len(values)
    if target.dtype.kind in "iu" and distinct > 50 and distinct > len(target) / 10:
        raise DataError(
            "target",
            f"{name}: the target has {distinct} different numbers in {len(target)} examples and "
            "looks continuous; classes are needed",
        )
    if distinct < 2:
        raise DataError("target", f"{name}: there is only one class; at least two are needed")
    return codes.reshape(-1).astype(np.int64), tuple(str(value) for value in values)


def label_kind(target: npt.NDArray[np.generic]) -> LabelKind:
    """Of labels that encode_classes accepted: whole floats are integers to it."""
    if target.dtype.kind == "b":
        return LabelKind.BOOLEAN
    return LabelKind.INTEGER if target.dtype.kind in "iuf" else LabelKind.TEXT


def _check_classes(dataset: Dataset) -> None:
    counts = np.bincount(dataset.target, minlength=len(dataset.classes))
    if counts.min() < FEWEST_PER_CLASS:
        rare = dataset.classes[int(counts.argmin())]
        raise DataError(
            "target",
            f"{dataset.name}: class {rare!r} has {counts.min()} examples; every class needs "
            f"{FEWEST_PER_CLASS}, one each for train, validation and test",
        )
    pool = np.bincount(dataset.target[dataset.side == Side.POOL], minlength=len(counts))
    needed = 1 if (dataset.side == Side.VALIDATION).any() else 2
    if (dataset.side != Side.POOL).any() and pool.min() < needed:
        rare = dataset.classes[int(pool.argmin())]
        raise DataError(
            "target",
            f"{dataset.name}: class {rare!r} has {pool.min()} examples to train on; "
            f"it needs {needed}",
        )
