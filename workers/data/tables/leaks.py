"""Columns that alone tell the target: what is known of a row only after its outcome, perhaps."""

import numpy as np
import numpy.typing as npt

from workers.data.dataset import Dataset

FEW_ROWS = 500  # show how many values a column has
FEW_VALUES = 20  # of numbers that may be codes
FEWEST_ROWS = 40  # with fewer, a column can tell the classes apart by chance


def leaks(dataset: Dataset) -> list[str]:
    """A warning for every column by which, alone, the class of rows that are not for testing is
    told: a category of which each level has one class, numbers that classes cut into ranges, and a
    value that only rows of one class have, or only rows of one class lack."""
    rows = np.flatnonzero(dataset.decides)
    if len(rows) < FEWEST_ROWS:
        return []
    target = dataset.target[rows]
    numbers = dataset.numeric.shape[1]
    found = []
    for place in range(numbers):
        how = _told_by_numbers(dataset.numeric[rows, place], target)
        if how is not None:
            found.append(_line(dataset.names[place], how))
    for place, levels in enumerate(dataset.levels):
        if _equals(dataset.categorical[rows, place], len(levels), target):
            found.append(_line(dataset.names[numbers + place], "each of its levels has one class"))
    return found


def _told_by_numbers(numbers: npt.NDArray[np.float64], target: npt.NDArray[np.int64]) -> str | None:
    """How numbers tell the class of every row; None: they do not."""
    missing = np.isnan(numbers)
    if missing.any():
        there, absent = np.unique(target[~missing]), np.unique(target[missing])
        if len(there) == 1 and not np.isin(there, absent).any():
            return "it is there for one class only"
        if len(absent) == 1 and not np.isin(absent, there).any():
            return "it is missing for one class only"
    if _orders(numbers, target):
        return "a range of its values for each class"
    few = np.unique(numbers[:FEW_ROWS])
    if len(few) <= FEW_VALUES:
        values, codes = np.unique(numbers, return_inverse=True)
        if len(values) <= FEW_VALUES and _equals(codes.reshape(-1), len(values), target):
            return "each of its values has one class"
    return None


def _line(name: str, how: str) -> str:
    return (
        f"{name!r} alone tells the class of rows ({how}); if it is known only after the "
        "outcome, leave it out with data.drop"
    )


def _equals(codes: npt.NDArray[np.int64], levels: int, target: npt.NDArray[np.int64]) -> bool:
    classes = int(target.max()) + 1
    pairs = np.bincount((codes + 1) * classes + target, minlength=(levels + 1) * classes)
    classes_of_levels = (pairs.reshape(levels + 1, classes) > 0).sum(axis=1)
    there = int((classes_of_levels > 0).sum())
    # Many levels of few rows have one class each by chance.
    return bool(1 < there <= len(codes) / 10 and classes_of_levels.max() == 1)


def _orders(numbers: npt.NDArray[np.float64], target: npt.NDArray[np.int64]) -> bool:
    """Whether the classes, in the order of the numbers, follow each other as whole ranges."""
    present = ~np.isnan(numbers)
    numbers, target = numbers[present], target[present]
    if len(numbers) < FEWEST_ROWS:
        return False
    few = slice(None, None, max(1, len(numbers) // FEWEST_ROWS))  # they rule most columns out
    return (
        _in_ranges(numbers[few], target[few])
        and _in_ranges(numbers, target)
        and len(np.unique(target)) > 1
    )


def _in_ranges(numbers: npt.NDArray[np.float64], target: npt.NDArray[np.int64]) -> bool:
    order = np.argsort(numbers, kind="stable")
    values, classes = numbers[order], target[order]
    changes = classes[1:] != classes[:-1]
    if (changes & (values[1:] == values[:-1])).any():
        return False
    return int(changes.sum()) == len(np.unique(classes)) - 1
