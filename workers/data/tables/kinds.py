"""Deciding what the columns of a training table are: once, from the rows that are not test rows."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.columns import INPUT_KINDS, Column, Kind, Role
from workers.data.source import DataError, DataSource
from workers.data.tables import words as w
from workers.data.tables.categories import decide_category, decide_levels
from workers.data.tables.coding import days_of, origin_of, without
from workers.data.tables.decision import (
    FEWEST_VALUES,
    MOSTLY,
    SHOWN,
    Bools,
    Decision,
    listed,
    quoted,
    rows_in_words,
)
from workers.data.tables.table import RawColumn, Table, as_text, numbers_of

ODD_WORDS = 20
"""More different words than that among numbers are not oversights."""

_IDENTIFIER = re.compile(
    r"(?i)^(unnamed: \d+|.*(^|[ _.-])(id|uid|uuid|guid|index|rownum|row|key))$"
)
_CAMEL_ID = re.compile(r"[a-z](ID|Id)$")


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
        return decide_category(column.name, _words(column, source), source, known)
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
        return decide_levels(column.name, _words(column, source), source, known)
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
        return decide_category(column.name, found, source, known)
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
    return decide_category(column.name, found, source, known)


def _measures(numbers: npt.NDArray[np.float64], max_levels: int) -> bool:
    """Whether different numbers are measurements rather than a few whole numbers that are codes."""
    return len(numbers) > max_levels or bool((numbers != np.floor(numbers)).any())


def _no_value(name: str, words: Sequence[str], rows: int) -> list[str]:
    """What is said of customary words for no value that a column has; nothing of the empty one."""
    if not words:
        return []
    return [
        f"{name!r}: {listed(words)} in {rows_in_words(rows)} counts as missing; "
        f"data.missing_values: [{', '.join(map(quoted, words[:SHOWN]))}] says so"
    ]


def _odd(name: str, words: Sequence[str], rows: int) -> str:
    return (
        f"{name!r} is read as numbers: {listed(words)} in {rows_in_words(rows)} counts as missing; "
        f"data.missing_values: [{', '.join(map(quoted, words[:SHOWN]))}] says so, "
        f"data.types: {{{quoted(name)}: category}} keeps every value as a category"
    )
