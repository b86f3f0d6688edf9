"""Deciding what the columns of a training table are: once, from the rows that are not test rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.columns import INPUT_KINDS, Column, Kind, Role
from workers.data.source import DataError, DataSource
from workers.data.tables import words as w
from workers.data.tables.coding import days_of, origin_of, without
from workers.data.tables.table import RawColumn, Table, as_text, numbers_of

Bools = npt.NDArray[np.bool_]

MOSTLY = 0.9
"""Share of a column's values that make it one of numbers though it has other words, and an
identifier where so many of its values are different."""

ODD_WORDS = 20
"""More different words than that among numbers are not oversights."""

FEWEST_VALUES = 20
"""Fewer different values than that make no identifier."""

LONG_TEXT = 40  # characters of a value, in the mean, that are prose rather than an identifier
SHOWN = 3  # words that a line names
_IDENTIFIER = re.compile(
    r"(?i)^(unnamed: \d+|.*(^|[ _.-])(id|uid|uuid|guid|index|rownum|row|key))$"
)
_CAMEL_ID = re.compile(r"[a-z](ID|Id)$")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a column is, with the warnings that a person must see, and notes that may help."""

    column: Column
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def decide_columns(
    table: Table, source: DataSource, roles: dict[str, Role], known: Bools
) -> tuple[Decision, ...]:
    """What every column of the table is. known [N] are the rows that are not test rows.

    Raises:
        DataError: a column that is named is not there, or cannot be what it is said to be.
    """
    _check_names(table, source, roles)
    found = []
    for column in table.columns:
        role = roles.get(column.name, Role.FEATURE)
        if role is Role.TARGET:
            found.append(Decision(_target(column, source, known)))
        elif role is not Role.FEATURE:
            found.append(Decision(Column(column.name, Kind.ROLE, role)))
        elif column.name in source.drop:
            found.append(Decision(Column(column.name, Kind.DROPPED, why="data.drop")))
        elif source.features is not None and column.name not in source.features:
            why = "data.features does not have it"
            found.append(Decision(Column(column.name, Kind.DROPPED, why=why)))
        else:
            found.append(_feature(column, source, known))
    return tuple(found)


def _check_names(table: Table, source: DataSource, roles: dict[str, Role]) -> None:
    for field, names in (
        ("drop", source.drop), ("features", source.features or ()), ("types", tuple(source.types)),
    ):  # fmt: skip
        for name in names:
            table.column(name, field)
            if field != "types" and name in roles:
                raise DataError(
                    field, f"{name!r} is the {roles[name].value} column; name features only"
                )
    for name, kind in source.types.items():
        if kind not in INPUT_KINDS:
            known = ", ".join(INPUT_KINDS)
            raise DataError("types", f"{name}: found {kind!r}; give one of {known}")


def _target(column: RawColumn, source: DataSource, known: Bools) -> Column:
    """How labels are read: numbers and booleans only where every label is one."""
    _check_supported(column, "target")
    wanted = source.types.get(column.name)
    if wanted in (Kind.CATEGORY, Kind.NUMBER, Kind.BOOLEAN):
        return Column(column.name, Kind(wanted), Role.TARGET)
    if not column.is_text:
        kind = Kind.NUMBER
        if pa.types.is_boolean(column.values.type):
            kind = Kind.BOOLEAN
        elif column.declared or pa.types.is_timestamp(column.values.type):
            kind = Kind.CATEGORY
        return Column(column.name, kind, Role.TARGET)
    if column.numbers is not None and not column.declared:
        exact = bool((np.abs(column.numbers[~np.isnan(column.numbers)]) <= 2**53).all())
        return Column(column.name, Kind.NUMBER if exact else Kind.CATEGORY, Role.TARGET)
    found = w.words_of(column.values, source.missing_values)
    there = (found.counts(known) > 0) & ~w.are_no_value(found.words)
    kind = Kind.CATEGORY
    if there.any() and not column.declared:
        if w.are_booleans(found.words)[there].all():
            kind = Kind.BOOLEAN
        elif w.are_numbers(found.words)[there].all() and _exact(found.words, there):
            kind = Kind.NUMBER
    return Column(column.name, kind, Role.TARGET)


def _exact(words: Any, there: Bools) -> bool:
    """Whether labels are the same numbers as floats: longer ones are names."""
    return bool((np.abs(w.as_numbers(words)[there]) <= 2**53).all())


def _check_supported(column: RawColumn, field: str) -> None:
    if column.unsupported is not None:
        remedy = "" if field != "source" else "; leave it out with data.drop"
        raise DataError(
            field,
            f"column {column.name!r} holds {column.unsupported}, which cannot be read{remedy}",
        )


def _feature(column: RawColumn, source: DataSource, known: Bools) -> Decision:
    _check_supported(column, "source")
    wanted = source.types.get(column.name)
    if wanted is not None:
        return _as_wanted(column, Kind(wanted), source, known)
    if column.declared:
        return _category(column, _words(column, source), source, known)
    if column.is_text and column.numbers is None:
        return _of_words(column, source, known)
    if pa.types.is_timestamp(column.values.type):
        return _date(column, known, source)
    if pa.types.is_boolean(column.values.type):
        return _checked(Column(column.name, Kind.BOOLEAN), numbers_of(column)[known])
    numbers = without(numbers_of(column), source.missing_values)
    return _number(Column(column.name, Kind.NUMBER), numbers[known])


def _words(column: RawColumn, source: DataSource) -> w.Words:
    return w.words_of(as_text(column), source.missing_values)


def _as_wanted(column: RawColumn, kind: Kind, source: DataSource, known: Bools) -> Decision:
    """A column that data.types decides: never left out."""
    if kind is Kind.CATEGORY:
        return _levels(column.name, _words(column, source), source, known)
    if kind is Kind.DATE:
        return _date(column, known, source)
    return Decision(Column(column.name, kind, lenient=kind is Kind.NUMBER))


def _date(column: RawColumn, known: Bools, source: DataSource, *warnings: str) -> Decision:
    days = days_of(column, source.missing_values, "types")[known]
    if np.isnan(days).all():
        return Decision(Column(column.name, Kind.CONSTANT, why="it has no value"))
    return _checked(Column(column.name, Kind.DATE, origin=origin_of(days)), days, *warnings)


def _number(column: Column, numbers: npt.NDArray[np.float64], *warnings: str) -> Decision:
    """A column of numbers, unless it counts or names the rows."""
    present = numbers[~np.isnan(numbers)]
    whole = bool(np.isfinite(present).all() and (present == np.floor(present)).all())
    different = len(np.unique(present)) if whole and len(present) >= FEWEST_VALUES else 0
    if different == len(numbers):
        if _IDENTIFIER.match(column.name) or _CAMEL_ID.search(column.name):
            why = f"{different:,} different whole numbers in as many rows"
            return Decision(Column(column.name, Kind.IDENTIFIER, why=why))
        if (np.diff(numbers) == 1).all():
            warnings = (
                *warnings,
                f"{column.name!r} counts the rows: if it is no measurement, leave it out with "
                "data.drop",
            )
    return _checked(column, numbers, *warnings)


def _checked(column: Column, numbers: npt.NDArray[np.float64], *warnings: str) -> Decision:
    """The column, unless it is constant."""
    missing = np.isnan(numbers)
    if missing.all():
        return Decision(Column(column.name, Kind.CONSTANT, why="it has no value"))
    first = numbers[~missing][0]
    if not missing.any() and (numbers == first).all():
        value = bool(first) if column.kind is Kind.BOOLEAN else f"{first:.15g}"
        why = "always the same date" if column.kind is Kind.DATE else f"always {value}"
        return Decision(Column(column.name, Kind.CONSTANT, why=why))
    return Decision(column, tuple(warnings))


def _of_words(column: RawColumn, source: DataSource, known: Bools) -> Decision:
    """What a column of words is, from those of the rows that are known."""
    name, found = column.name, _words(column, source)
    counts = found.counts(known)
    words = found.words
    there = (counts > 0) & ~w.are_no_value(words)
    if not there.any():
        return _category(column, found, source, known)
    none = np.flatnonzero((counts > 0) & w.are_no_value(words))
    said = _no_value(name, words.take(pa.array(none)).to_pylist(), int(counts[none].sum()))
    if w.are_booleans(words)[there].all():
        values = found.spread(w.as_booleans(words), np.nan)[known]
        return _checked(Column(name, Kind.BOOLEAN), values, *said)
    numbers = w.are_numbers(words)
    if numbers[there].all():
        values = found.spread(w.as_numbers(words), np.nan)[known]
        return _number(Column(name, Kind.NUMBER), values, *said)
    if w.are_dates(words)[there].all():
        return _date(column, known, source, *said)
    odd = there & ~numbers
    if (
        counts[there & numbers].sum() >= MOSTLY * counts[there].sum()
        and odd.sum() <= ODD_WORDS
        and not w.have_leading_zeros(words)[odd].any()
        and _measures(w.as_numbers(words)[there & numbers], source.max_levels)
    ):
        listed = tuple(words.take(pa.array(np.flatnonzero(odd))).to_pylist())
        values = np.where(there & numbers, w.as_numbers(words), np.nan)
        own = Column(name, Kind.NUMBER, missing=tuple(sorted(listed)))
        warning = _odd(name, listed, int(counts[odd].sum()))
        return _number(own, found.spread(values, np.nan)[known], warning, *said)
    return _category(column, found, source, known)


def _measures(numbers: npt.NDArray[np.float64], max_levels: int) -> bool:
    """Whether different numbers are measurements rather than a few whole numbers that are codes."""
    return len(numbers) > max_levels or bool((numbers != np.floor(numbers)).any())


def _no_value(name: str, words: Sequence[str], rows: int) -> list[str]:
    """What is said of customary words for no value that a column has; nothing of the empty one."""
    if not words:
        return []
    return [
        f"{name!r}: {_listed(words)} in {_rows(rows)} counts as missing; data.missing_values: "
        f"[{', '.join(map(_quoted, words[:SHOWN]))}] says so"
    ]


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _odd(name: str, words: Sequence[str], rows: int) -> str:
    return (
        f"{name!r} is read as numbers: {_listed(words)} in {_rows(rows)} counts as missing; "
        f"data.missing_values: [{', '.join(map(_quoted, words[:SHOWN]))}] says so, "
        f"data.types: {{{_quoted(name)}: category}} keeps every value as a category"
    )


def _category(column: RawColumn, found: w.Words, source: DataSource, known: Bools) -> Decision:
    """A category, unless it names the rows, is prose or is constant."""
    name, words = column.name, found.words
    counts = found.counts(known)
    there = counts > 0
    levels, rows = int(there.sum()), int(counts.sum())
    if levels == 0:
        return Decision(Column(name, Kind.CONSTANT, why="it has no value"))
    if levels == 1 and rows == int(known.sum()):
        (value,) = words.take(pa.array(np.flatnonzero(there))).to_pylist()
        return Decision(Column(name, Kind.CONSTANT, why=f"always {value!r}"))
    values = ~w.are_no_value(words) & there
    share = counts[values & w.are_other_dates(words)].sum() / max(1, counts[values].sum())
    if share >= MOSTLY:
        example = words.take(pa.array(np.flatnonzero(values)[:1])).to_pylist()[0]
        why = (
            f"dates such as {example!r}, whose order of day and month is not clear; write them as "
            "2024-12-31"
        )
        return Decision(Column(name, Kind.UNSUPPORTED, why=why), (f"{name!r} is left out: {why}",))
    warnings = _commas(name, words, np.where(values, counts, 0))
    if levels >= FEWEST_VALUES and levels >= MOSTLY * rows:
        lengths = np.asarray(pa.compute.utf8_length(words).to_numpy(zero_copy_only=False))
        prose = float(lengths[there].mean()) > LONG_TEXT
        why = f"{levels:,} different values in {rows:,} rows"
        kind = Kind.TEXT if prose else Kind.IDENTIFIER
        return Decision(Column(name, kind, why=why), tuple(warnings))
    decided = _levels(name, found, source, known)
    none = words.take(pa.array(np.flatnonzero(there & w.are_no_value(words)))).to_pylist()
    notes = [
        f"{name!r}: {word!r} is a category; data.missing_values: [{_quoted(word)}] changes that"
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
    remedy = f"data.types: {{{_quoted(name)}: number}} reads them"
    if (commas & ~grouped).any():
        remedy = "write them with decimal points"
    return [
        f"{name!r} is not read as numbers, since they have commas, such as {example!r}; {remedy}"
    ]


def _levels(name: str, found: w.Words, source: DataSource, known: Bools) -> Decision:
    """A category's levels: those of the known rows, in alphabetical order, the most frequent ones
    where there are more than data.max_levels."""
    counts = found.counts(known)
    there = np.flatnonzero(counts)
    words = found.words.take(pa.array(there)).to_pylist()
    if not words:
        raise DataError("types", f"column {name!r} has no value to be a category of")
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


def _listed(words: Sequence[str]) -> str:
    more = len(words) - SHOWN
    return ", ".join(map(repr, words[:SHOWN])) + (f" and {more} other words" if more > 0 else "")


def _quoted(word: str) -> str:
    """A word as YAML reads it as text."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
