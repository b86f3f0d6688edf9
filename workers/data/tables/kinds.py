"""Deciding what the columns of a training table are: once, from the rows that are not test rows."""

import re
from collections.abc import Sequence
from dataclasses import replace
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
    chosen,
    listed,
    quoted,
    rows_in_words,
)
from workers.data.tables.table import RawColumn, Table, numbers_of

ODD_WORDS = 20
"""More different words than that among numbers are not oversights."""

_IDENTIFIER = re.compile(
    r"(?i)^(unnamed: \d+|.*(^|[ _.-])(id|uid|uuid|guid|index|rownum|row|key|nr|no|phone|ssn))$"
)
_CAMEL_ID = re.compile(r"[a-z](ID|Id)$")


def decide_columns(
    table: Table, source: DataSource, roles: dict[str, Role], target: Column, known: Bools
) -> tuple[Decision, ...]:
    """What every column of the table is, target being known already. known [N] are the rows that
    are not for testing.

    Raises:
        DataError: a column that is named is not there, or cannot be what it is said to be.
    """
    _check_names(table, source, roles)
    found = []
    for column in table.columns:
        role = roles.get(column.name, Role.FEATURE)
        if role is Role.TARGET:
            found.append(Decision(target))
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
            role = roles.get(name, Role.FEATURE)
            if role is not Role.FEATURE and (field != "types" or role is not Role.TARGET):
                raise DataError(field, f"{name!r} is the {role.value} column; name features only")
    for name, kind in source.types.items():
        if kind not in INPUT_KINDS:
            known = ", ".join(INPUT_KINDS)
            raise DataError("types", f"{name}: found {kind!r}; give one of {known}")


def decide_target(column: RawColumn, source: DataSource, known: Bools) -> Column:
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
        levels = w.levels_of(column, source.missing_values)
        return decide_category(column.name, levels, source, known)
    if column.is_text and column.numbers is None:
        return _of_words(column, source, known)
    if pa.types.is_timestamp(column.values.type):
        own = Column(column.name, Kind.DATE)
        return _date(own, days_of(column, own, source.missing_values, "source")[known])
    if column.is_duration or pa.types.is_boolean(column.values.type):
        kind = Kind.DURATION if column.is_duration else Kind.BOOLEAN
        return _checked(Column(column.name, kind), numbers_of(column)[known])
    numbers = without(numbers_of(column), source.missing_values)
    return _number(Column(column.name, Kind.NUMBER), numbers[known])


def _as_wanted(column: RawColumn, kind: Kind, source: DataSource, known: Bools) -> Decision:
    """A column that data.types decides: never left out."""
    if kind is Kind.CATEGORY:
        return decide_levels(column.name, w.levels_of(column, source.missing_values), source, known)
    if kind is Kind.DATE:
        own = Column(column.name, kind)
        days = days_of(column, own, source.missing_values, "types")[known]
        return Decision(replace(own, origin=origin_of(days)))
    return Decision(Column(column.name, kind, lenient=kind is Kind.NUMBER))


def _date(column: Column, days: npt.NDArray[np.float64], *warnings: str) -> Decision:
    """A column of dates, as days since 1970 of the rows that are known."""
    return _checked(replace(column, origin=origin_of(days)), days, *warnings)


def _number(column: Column, numbers: npt.NDArray[np.float64], *warnings: str) -> Decision:
    """A column of numbers, unless it names the rows; of one that counts them a person is told."""
    present = numbers[~np.isnan(numbers)]
    whole = bool(np.isfinite(present).all() and (present == np.floor(present)).all())
    different = len(np.unique(present)) if whole and len(present) >= FEWEST_VALUES else 0
    named = _IDENTIFIER.match(column.name) or _CAMEL_ID.search(column.name)
    if named and different >= max(FEWEST_VALUES, MOSTLY * len(numbers)):
        why = "a whole number for nearly every row"
        return Decision(Column(column.name, Kind.IDENTIFIER, why=why))
    if different == len(numbers) and (np.diff(numbers) == 1).all():
        what = "counts the rows: if it is no measurement, leave it out with data.drop"
        warnings = (*warnings, f"{column.name!r} {what}")
    elif different and w.look_like_dates(present):
        what = "has numbers that look like dates: write them as 2024-12-31 if they are"
        warnings = (*warnings, f"{column.name!r} {what}")
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
    """What a column of words is, from those of the rows that are known.

    A few odd words of a number or date are no values, in whichever rows of the table they stand.
    """
    name, found = column.name, w.words_of(column.values, source.missing_values)
    counts, everywhere = found.counts(known), found.counts(np.ones(len(known), bool))
    words, none = found.words, w.are_no_value(found.words)
    there = (counts > 0) & ~none
    customary = (everywhere > 0) & none
    said = _no_value(name, chosen(words, customary), int(everywhere[customary].sum()))
    for kind, right in (
        (Kind.BOOLEAN, w.are_booleans(words)),
        (Kind.NUMBER, w.are_numbers(words)),
        (Kind.DATE, w.are_dates(words)),
        (Kind.DURATION, ~np.isnan(w.as_seconds(words))),
    ):
        odd = (everywhere > 0) & ~right & ~none
        if not there.any() or not _mostly(kind, words, right, there, counts, source.max_levels):
            continue
        missing = tuple(sorted(chosen(words, odd)))
        if len(missing) > ODD_WORDS or everywhere[odd].sum() > (1 - MOSTLY) * everywhere.sum():
            missing = ()  # they are refused, by row, where the column is read
        elif missing:
            said.append(_odd(name, kind, missing, int(everywhere[odd].sum())))
        own = Column(name, kind, missing=missing)
        if kind is Kind.DATE:
            values = found.spread(np.where(right, w.as_days(words), np.nan), np.nan)
            return _date(own, values[known], *said)
        values = found.spread(np.where(right, w.PARSERS[kind](words), np.nan), np.nan)
        return (_number if kind is Kind.NUMBER else _checked)(own, values[known], *said)
    return decide_category(name, w.levels_of(column, source.missing_values), source, known)


def _mostly(
    kind: Kind, words: Any, right: Bools, there: Bools, counts: npt.NDArray[np.int64], most: int
) -> bool:
    """Whether the words that are there are of that kind, but for a few odd ones of a number or
    date; most is how many levels a category may have."""
    if kind is Kind.NUMBER and w.are_merged(words, right & there):
        return False
    if right[there].all():
        return True
    odd = there & ~right
    return (
        kind is not Kind.BOOLEAN
        and bool(counts[there & right].sum() >= MOSTLY * counts[there].sum())
        and int(odd.sum()) <= ODD_WORDS
        and not w.have_leading_zeros(words)[odd].any()
        and (kind is not Kind.NUMBER or _measures(w.as_numbers(words)[there & right], most))
    )


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


def _odd(name: str, kind: Kind, words: Sequence[str], rows: int) -> str:
    return (
        f"{name!r} is read as {kind.value}s: {listed(words)} in {rows_in_words(rows)} counts as "
        f"missing; data.missing_values: [{', '.join(map(quoted, words[:SHOWN]))}] says so, "
        f"data.types: {{{quoted(name)}: category}} keeps every value as a category"
    )
