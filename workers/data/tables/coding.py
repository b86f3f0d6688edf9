"""Values as the record of their column says: numbers, codes of levels, days, labels.

A row's code depends on the row and on the record, and on nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.columns import Column, Kind
from workers.data.source import DataError
from workers.data.tables import words as w
from workers.data.tables.table import RawColumn, Table, as_text, numbers_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Coded:
    """Examples before preprocessing: numeric [N, numbers] with NaN where a value is missing, and
    categorical [N, categories] of codes into the levels, −1 for none. beyond counts by column the
    numbers that 32 bits do not hold: they count as missing."""

    numeric: Floats
    categorical: npt.NDArray[np.int64]
    beyond: dict[str, int]


def code_table(
    table: Table, columns: Sequence[Column], missing: Sequence[str], field: str = "source"
) -> Coded:
    """The inputs of the rows of a table, in the order numbers, categories.

    Raises:
        DataError: a column is not there, or has a value that it cannot have: naming both.
    """
    numbers = [column for column in columns if column.is_numeric]
    categories = [c for c in columns if c.is_input and c.kind is Kind.CATEGORY]
    numeric = np.zeros((table.rows, len(numbers)))
    beyond = {}
    for place, column in enumerate(numbers):
        values = code_numbers(table.column(column.name, field), column, missing, field)
        large = np.abs(values) > w.LARGEST  # an infinite one as well
        if large.any():
            beyond[column.name] = int(large.sum())
        numeric[:, place] = np.where(large, np.nan, values)
    categorical = np.zeros((table.rows, len(categories)), np.int64)
    for place, column in enumerate(categories):
        raw = table.column(column.name, field)
        categorical[:, place] = code_levels(raw, column, missing, field)
    return Coded(numeric, categorical, beyond)


def code_numbers(raw: RawColumn, column: Column, missing: Sequence[str], field: str) -> Floats:
    """A column's numbers [N], NaN where there is none: days since its origin, 1 and 0 of booleans.

    Raises:
        DataError: a value is none of these and not missing.
    """
    _check_supported(raw, column, field)
    if column.kind is Kind.DATE:
        return days_of(raw, column, missing, field) - _days_at(column.origin)
    if not raw.is_text:
        if pa.types.is_timestamp(raw.values.type):
            raise DataError(
                field, f"column {raw.name!r} holds dates; it is read as {_kinds(column)}"
            )
        numbers = without(numbers_of(raw), missing)
        if column.kind is Kind.BOOLEAN:
            _check(np.isnan(numbers) | np.isin(numbers, (0.0, 1.0)), raw, column, field)
        return numbers
    if raw.numbers is not None and column.kind is Kind.NUMBER:
        return without(raw.numbers, missing)
    found = w.words_of(raw.values, missing)
    if column.kind is not Kind.NUMBER:
        values = w.PARSERS[column.kind](found.words)
        right = ~np.isnan(values)
    else:
        right = w.are_numbers(found.words, lenient=column.lenient)
        values = without(np.where(right, w.as_numbers(found.words), np.nan), missing)
    return _spread(found, values, right, raw, column, field)


def without(numbers: Floats, missing: Sequence[str]) -> Floats:
    """The numbers, NaN in place of those that mean no value, however they are written."""
    if not missing:
        return numbers
    none = w.as_numbers(pa.array(missing, pa.large_string()))
    kept: Floats = np.where(np.isin(numbers, none[~np.isnan(none)]), np.nan, numbers)
    return kept


def code_levels(
    raw: RawColumn, column: Column, missing: Sequence[str], field: str
) -> npt.NDArray[np.int64]:
    """Codes [N] into the column's levels: −1 for no value, and for one that is no level unless the
    column has one for all others."""
    _check_supported(raw, column, field)
    found = w.levels_of(raw, missing)
    listed = column.levels[:-1] if column.other else column.levels
    index = pa.compute.index_in(found.words, pa.array(listed, found.words.type))
    codes = index.cast(pa.int64()).fill_null(len(listed) if column.other else -1)
    return found.spread(np.asarray(codes.to_numpy(zero_copy_only=False), np.int64), -1)


def code_labels(
    raw: RawColumn, column: Column, missing: Sequence[str], where: str
) -> npt.NDArray[Any]:
    """Labels [N] as numbers, booleans or text.

    Raises:
        DataError: a label is missing, or is not of the target's kind.
    """
    if column.kind is Kind.CATEGORY:
        found = w.levels_of(raw, missing)
        _check_labels(found.codes < 0, found, where, missing)
        return np.asarray(found.words.to_pylist(), dtype=str)[found.codes]
    if raw.is_text:
        found = w.words_of(raw.values, missing)
        parse = w.as_booleans if column.kind is Kind.BOOLEAN else w.as_numbers
        values = found.spread(parse(found.words), np.nan)
        _check_labels(np.isnan(values), found, where, missing)
    else:
        if pa.types.is_integer(raw.values.type) and raw.values.null_count == 0:
            return np.asarray(raw.values.to_numpy(zero_copy_only=False))
        values = numbers_of(raw)
        _check_labels(np.isnan(values), None, where, missing)
    return values == 1.0 if column.kind is Kind.BOOLEAN else values


def _check_labels(
    none: npt.NDArray[np.bool_], found: w.Words | None, where: str, missing: Sequence[str]
) -> None:
    count = int(none.sum())
    if count == 0:
        return
    given = [] if found is None else sorted({
        found.words[int(code)].as_py() for code in found.codes[none] if code >= 0
    })  # fmt: skip
    words = f" ({', '.join(map(repr, given[:3]))})" if given else ""
    have = "example has" if count == 1 else "examples have"
    keep = (
        "; data.types with `category` for the target keeps such words as classes" if given else ""
    )
    also = "; data.missing_values are none, among labels as well" if missing else ""
    raise DataError("target", f"{where}: {count} {have} no label{words}; remove them{keep}{also}")


def unseen_levels(
    table: Table, columns: Sequence[Column], missing: Sequence[str], which: str
) -> list[str]:
    """A line for every category of which rows have a value that is none of its levels; which says
    what rows these are."""
    found = []
    for column in columns:
        if not column.is_input or column.kind is not Kind.CATEGORY or column.other:
            continue
        words = w.levels_of(table.column(column.name, "source"), missing)
        known = pa.compute.is_in(words.words, pa.array(column.levels, words.words.type))
        unseen = words.spread(~np.asarray(known.to_numpy(zero_copy_only=False), bool), False)
        rows = np.flatnonzero(unseen)
        if len(rows):
            example = words.words[int(words.codes[rows[0]])].as_py()
            found.append(
                f"{column.name!r}: {len(rows)} {which} have categories that were not trained on, "
                f"such as {example!r}; they count as missing"
            )
    return found


def label_names(raw: RawColumn, column: Column, missing: Sequence[str]) -> list[str | None]:
    """The names of the classes that a column of labels has, as training names them; None where
    there is no label. A word that is no label of the target's kind is a name all the same."""
    found = w.levels_of(raw, missing)
    names: list[str | None] = found.words.to_pylist()
    if column.kind is not Kind.CATEGORY:
        parse = w.as_booleans if column.kind is Kind.BOOLEAN else w.as_numbers
        none = w.are_no_value(found.words)
        for place, value in enumerate(parse(found.words).tolist()):
            if none[place]:
                names[place] = None
            elif column.kind is Kind.BOOLEAN and not np.isnan(value):
                names[place] = str(value == 1.0)
            elif column.kind is Kind.NUMBER and value.is_integer():
                names[place] = str(int(value))
    return [None if code < 0 else names[code] for code in found.codes.tolist()]


def days_of(raw: RawColumn, column: Column, missing: Sequence[str], field: str) -> Floats:
    """Days since 1970 [N], NaN for no value; DataError for a value that is no date."""
    if not raw.is_text:
        if not pa.types.is_timestamp(raw.values.type):
            raise DataError(field, f"column {raw.name!r} holds numbers; it is read as dates")
        return w.days_since_1970(raw.values.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False))
    found = w.words_of(raw.values, missing)
    days = w.as_days(found.words)
    return _spread(found, days, ~np.isnan(days), raw, column, field)


def origin_of(days: Floats) -> str:
    """The midnight before the earliest of these days since 1970, in ISO form."""
    if np.isnan(days).all():
        return "1970-01-01"
    first = np.datetime64(0, "D") + int(np.floor(np.nanmin(days)))
    return str(first)


def _days_at(origin: str | None) -> float:
    return float(np.datetime64(origin or "1970-01-01", "D").astype(np.int64))


def _spread(
    found: w.Words, values: Floats, right: Any, raw: RawColumn, column: Column, field: str
) -> Floats:
    """The words' values as those of the rows; DataError for a word that is neither one nor none."""
    wrong = ~right & ~w.are_no_value(found.words, column.missing)
    if wrong.any():
        _check(~found.spread(wrong, False), raw, column, field)
    return found.spread(values, np.nan)


def _check(right: npt.NDArray[np.bool_], raw: RawColumn, column: Column, field: str) -> None:
    if right.all():
        return
    row = int(np.flatnonzero(~right)[0])
    value = as_text(raw)[row].as_py()
    shown = repr(value if len(value) <= 40 else f"{value[:40]}…")
    raise DataError(
        field,
        f"column {raw.name!r}: found {shown} in row {row + 1}; it is read as {_kinds(column)}. If "
        "that means no value, add it to data.missing_values; data.types changes what is read",
    )


def _kinds(column: Column) -> str:
    match column.kind:
        case Kind.DATE:
            return "dates such as 2024-12-31"
        case Kind.DURATION:
            return "durations such as 08:30:00"
        case Kind.BOOLEAN:
            return "true or false"
        case Kind.CATEGORY:
            return "categories"
        case _:
            return "numbers"


def _check_supported(raw: RawColumn, column: Column, field: str) -> None:
    if raw.unsupported is not None:
        raise DataError(
            field, f"column {raw.name!r} holds {raw.unsupported}; it is read as {_kinds(column)}"
        )
