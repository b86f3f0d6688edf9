"""Deciding about columns of words: categories and their levels, identifiers, prose, constants."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.columns import Column, Kind
from workers.data.source import DataSource
from workers.data.tables import words as w
from workers.data.tables.decision import (
    FEWEST_VALUES,
    MOSTLY,
    SHOWN,
    Bools,
    Decision,
    chosen,
    quoted,
)

LONG_TEXT = 40  # characters of a value, in the mean, that are prose rather than an identifier


def decide_category(name: str, found: w.Words, source: DataSource, known: Bools) -> Decision:
    """A category, unless it names the rows, is prose or is constant."""
    words = found.words
    counts = found.counts(known)
    there = counts > 0
    levels, rows = int(there.sum()), int(counts.sum())
    if levels == 0:
        return Decision(Column(name, Kind.CONSTANT, why="it has no value"))
    if levels == 1 and rows == int(known.sum()):
        (value,) = chosen(words, there)
        return Decision(Column(name, Kind.CONSTANT, why=f"always {value!r}"))
    values = ~w.are_no_value(words) & there
    share = counts[values & w.are_other_dates(words)].sum() / max(1, counts[values].sum())
    if share >= MOSTLY:
        example = chosen(words, values & w.are_other_dates(words))[0]
        why = f"dates such as {example!r}, in a form that is not read; write them as 2024-12-31"
        return Decision(Column(name, Kind.UNSUPPORTED, why=why))
    warnings = _commas(name, words, np.where(values, counts, 0))
    if levels >= FEWEST_VALUES and levels >= MOSTLY * rows:
        lengths = np.asarray(pa.compute.utf8_length(words).to_numpy(zero_copy_only=False))
        prose = float(lengths[there].mean()) > LONG_TEXT
        why = "a value of its own for nearly every row"
        kind = Kind.TEXT if prose else Kind.IDENTIFIER
        return Decision(Column(name, kind, why=why), tuple(warnings))
    decided = decide_levels(name, found, source, known)
    none = chosen(words, there & w.are_no_value(words))
    notes = [
        f"{name!r}: {word!r} is a category; data.missing_values: [{quoted(word)}] changes that"
        for word in none[:SHOWN]
    ]
    return Decision(decided.column, (*warnings, *decided.warnings), tuple(notes))


def _commas(name: str, words: Any, counts: npt.NDArray[np.int64]) -> list[str]:
    """What is said of a column of numbers with commas in them; nothing of another."""
    grouped, decimal = w.have_thousands(words), w.have_decimal_commas(words)
    commas = (grouped | decimal) & (counts > 0)
    readable = commas | w.are_numbers(words)
    if not commas.any() or counts[readable].sum() < MOSTLY * counts.sum():
        return []
    shown = commas & (decimal & ~grouped if (commas & ~grouped).any() else grouped)
    example = words.take(pa.array(np.flatnonzero(shown)[:1])).to_pylist()[0]
    remedy = f"data.types: {{{quoted(name)}: number}} reads them"
    if (commas & ~grouped).any():
        remedy = "write them with decimal points"
    return [
        f"{name!r} is not read as numbers, since they have commas, such as {example!r}; {remedy}"
    ]


def decide_levels(name: str, found: w.Words, source: DataSource, known: Bools) -> Decision:
    """A category's levels: those of the known rows, in alphabetical order, the most frequent ones
    where there are more than data.max_levels."""
    counts = found.counts(known)
    there = np.flatnonzero(counts)
    words = found.words.take(pa.array(there)).to_pylist()
    if len(words) <= source.max_levels:
        return Decision(Column(name, Kind.CATEGORY, levels=tuple(sorted(words))))
    frequent = sorted(zip(-counts[there], words, strict=True))[: source.max_levels]
    kept = tuple(sorted(word for _, word in frequent))
    share = -sum(int(count) for count, _ in frequent) / int(counts.sum())
    rest = "other"
    while rest in kept:
        rest = f"({rest})"
    column = Column(name, Kind.CATEGORY, levels=(*kept, rest), other=True)
    warning = (
        f"{name!r} has {len(words):,} levels: the {source.max_levels} most frequent, of "
        f"{share:.0%} of the rows, are told apart, and the others are one; data.max_levels changes "
        "that"
    )
    return Decision(column, (warning,))
