"""Groups whose examples the source itself puts on several sides, against what `group` promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from workers.data.source import DataError, DataSource

IntArray: TypeAlias = npt.NDArray[np.int64]

NAME_SHOWN = 40  # characters of a group's name


@dataclass(frozen=True, slots=True)
class DividedGroups:
    """How many of the groups have examples on several of the sides that the source fixed, the name
    of one of them, and two of its sides as a source names them."""

    count: int
    of: int
    example: str
    sides: tuple[str, str]


def divided_groups(
    groups: IntArray, side: IntArray, names: Sequence[object], sides: Sequence[str]
) -> DividedGroups | None:
    """Of examples with the codes groups [N] and side [N]; None where every group is on one side.

    names are the groups' by their codes, sides those of Side by its values.
    """
    pairs: IntArray = np.unique(np.stack([groups, side], axis=1), axis=0)
    codes, counts = np.unique(pairs[:, 0], return_counts=True)
    divided = codes[counts > 1]
    if len(divided) == 0:
        return None
    first = int(divided[0])
    where = [sides[int(value)] for value in pairs[pairs[:, 0] == first, 1]]
    name = "a missing value" if first < 0 else repr(str(names[first])[:NAME_SHOWN])
    return DividedGroups(len(divided), len(codes), name, (where[0], where[1]))


def check_groups(divided: DividedGroups | None, source: DataSource) -> None:
    """Refuse data whose groups are divided before anything is drawn; None: no group is.

    A data set is not refused where it is read: a study that was begun with it by an earlier version
    can still be replayed.

    Raises:
        DataError: how many, one of them, and what would be right.
    """
    if divided is None:
        return
    fixed_by = "data.test" if source.test is not None else "data.split"
    have = "group has" if divided.count == 1 else "groups have"
    one, other = divided.sides
    raise DataError(
        "group",
        f"{divided.count} of {divided.of} {have} rows on both sides of what {fixed_by} fixes, such "
        f"as {source.group} {divided.example} in {one} and {other}; put all rows of a group on one "
        "side, or leave data.group out",
    )
