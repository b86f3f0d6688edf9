"""A decision about a column, and the words in which it is said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.columns import Column

Bools = npt.NDArray[np.bool_]

MOSTLY = 0.9
"""Share of a column's values that make it one of numbers though it has other words, and an
identifier where so many of its values are different."""

FEWEST_VALUES = 20
"""Fewer different values than that make no identifier."""

SHOWN = 3  # words that a line names


@dataclass(frozen=True, slots=True)
class Decision:
    """What a column is, with the warnings that a person must see, and notes that may help."""

    column: Column
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def chosen(words: Any, which: Bools) -> list[str]:
    """Some of the words of an Arrow array."""
    return [str(word) for word in words.take(pa.array(np.flatnonzero(which))).to_pylist()]


def listed(words: Sequence[str]) -> str:
    """The first of some words, and how many more there are."""
    more = len(words) - SHOWN
    return ", ".join(map(repr, words[:SHOWN])) + (f" and {more} other words" if more > 0 else "")


def quoted(word: str) -> str:
    """A word as YAML reads it as text."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def rows_in_words(count: int) -> str:
    """So many rows."""
    return "1 row" if count == 1 else f"{count:,} rows"
