"""Columns that alone tell the target: what is known of a row only after its outcome, perhaps."""

import numpy as np
import numpy.typing as npt

from workers.data.dataset import Dataset, Side

FEWEST_ROWS = 40  # with fewer, a column can tell the classes apart by chance


def leaks(dataset: Dataset) -> list[str]:
    """A warning for every column by which, alone, the class of every row that is not a test row is
    told: a category of which each level has one class, numbers that classes cut into ranges."""
    rows = np.flatnonzero(dataset.side != Side.TEST)
    if len(rows) < FEWEST_ROWS:
        return []
    target = dataset.target[rows]
    numbers = dataset.numeric.shape[1]
    found = []
    for place in range(numbers):
        if _orders(dataset.numeric[rows, place], target):
            found.append(_line(dataset.names[place], "a range of its values for each class"))
    for place, levels in enumerate(dataset.levels):
        if _equals(dataset.categorical[rows, place], len(levels), target):
            found.append(_line(dataset.names[numbers + place], "each of its levels has one class"))
    return found


def _line(name: str, how: str) -> str:
    return (
        f"{name!r} alone tells the class of every row ({how}); if it is known only after the "
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
