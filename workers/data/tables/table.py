"""A table as it was given: columns of Arrow values, before anybody says what they mean."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.data.source import DataError

NAMED = 20  # columns that a refusal lists


@dataclass(frozen=True, eq=False)
class RawColumn:
    """A column's values as one Arrow array: of text, numbers, booleans or time stamps.

    declared: the table itself says that it is a category. unsupported names the type of values that
    are none of these; values is then None. numbers [N] are those that a column of text consists of,
    NaN where it is empty, known at once; None: each of its words is to be looked at. is_duration:
    its numbers are the seconds of durations or times of day.
    """

    name: str
    values: Any
    declared: bool = False
    unsupported: str | None = None
    numbers: npt.NDArray[np.float64] | None = None
    is_duration: bool = False

    @property
    def is_text(self) -> bool:
        """Whether its values are words, which may be numbers as they are written."""
        return self.values is not None and pa.types.is_large_string(self.values.type)


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of named columns. where names the file, or what else it is, for a message; is_array says
    that the columns are those of an array, x0, x1, …, and notes what a person is to know of how it
    was read."""

    where: str
    columns: tuple[RawColumn, ...]
    rows: int
    is_array: bool = False
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self.names

    def column(self, name: str, field: str) -> RawColumn:
        """The column of that name; DataError naming `field` of the source where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        more = len(self.columns) - NAMED
        shown = (name if name == name.strip() else repr(name) for name in self.names[:NAMED])
        have = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
        hint = ""
        if len(self.columns) == 1 and any(mark in self.names[0] for mark in "|;\t,="):
            hint = ": separate its values by commas, and begin with the header"
        raise DataError(
            field, f"{self.where}: there is no column {name!r}; the columns are {have}{hint}"
        )


def table_of(
    where: str,
    columns: Sequence[tuple[str, Any]],
    *,
    field: str = "source",
    is_array: bool = False,
    notes: Sequence[str] = (),
) -> Table:
    """A table of named Arrow arrays, or names of types that are not read in their place.

    Raises:
        DataError: two columns have the same name.
    """
    names = [name for name, _ in columns]
    counts = Counter(names)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise DataError(
            field,
            f"{where}: {counts[twice[0]]} columns are called {twice[0]!r}; give each a name "
            "of its own",
        )
    rows = max((len(values) for _, values in columns if not isinstance(values, str)), default=0)
    return Table(
        where,
        tuple(raw_column(name, values) for name, values in columns),
        rows,
        is_array,
        tuple(notes),
    )


def raw_column(name: str, values: Any) -> RawColumn:
    """The column in one of the few types that are read from here on."""
    if isinstance(values, str):
        return RawColumn(name, None, unsupported=values)
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    declared = False
    if isinstance(array, pa.ChunkedArray):  # no chunk at all, or more text than one array holds
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array, declared = array.dictionary_decode(), True
    kind = _kind_of(array.type)
    if kind is None:
        return RawColumn(name, None, unsupported=_in_words(array.type))
    if pa.types.is_duration(array.type) or pa.types.is_time(array.type):
        return RawColumn(name, _seconds(array), is_duration=True)
    if pa.types.is_timestamp(array.type):
        return RawColumn(name, array.cast(pa.timestamp("us", array.type.tz), safe=False))
    if pa.types.is_integer(array.type) and _has_long(array):
        array, kind = array.cast(pa.large_string()), pa.large_string()  # to be told apart
    return RawColumn(name, array if kind == array.type else array.cast(kind), declared)


def _seconds(array: Any) -> Any:
    """Durations or times of day as seconds, whatever their unit."""
    whole = array.cast(pa.int32() if pa.types.is_time32(array.type) else pa.int64())
    unit = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[array.type.unit]
    return pa.compute.divide(whole.cast(pa.float64()), unit)


def _has_long(whole: Any) -> bool:
    """Whether whole numbers are among them that floats do not hold."""
    ends = pa.compute.min_max(whole).as_py()
    return ends["min"] is not None and max(abs(ends["min"]), abs(ends["max"])) > 2**53


def _kind_of(kind: Any) -> Any:
    """The type that values of an Arrow type are kept in; None: they cannot be inputs."""
    types = pa.types
    if types.is_null(kind) or types.is_string(kind) or types.is_large_string(kind):
        return pa.large_string()
    if types.is_string_view(kind):
        return pa.large_string()
    if types.is_date(kind):
        return pa.timestamp("us")
    if types.is_decimal(kind) or types.is_float16(kind):
        return pa.float64()
    if (
        types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind)
        or types.is_timestamp(kind) or types.is_duration(kind) or types.is_time(kind)
    ):  # fmt: skip
        return kind
    return None


def _in_words(kind: Any) -> str:
    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return "lists"
    if types.is_struct(kind):
        return "structs"
    if types.is_map(kind):
        return "maps"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return "bytes"
    return f"values of the type {kind}"


def as_text(column: RawColumn) -> Any:
    """A column's values as text: as written, or as numbers and dates are usually written.

    A whole number of a column of floats has a decimal point: see words.levels_of.
    """
    values = column.values
    kind = values.type
    if column.is_text:
        return values
    if pa.types.is_boolean(kind):
        return pa.compute.if_else(values, "True", "False").cast(pa.large_string())
    if pa.types.is_integer(kind):
        return values.cast(pa.large_string())
    if pa.types.is_timestamp(kind):
        if kind.tz is not None:
            values = values.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
        return _date_text(values)
    numbers: npt.NDArray[np.float64] = numbers_of(column)
    if pa.types.is_float32(kind):
        # The shortest text of a number of 32 bits, which a file of text has of it.
        single = numbers.astype(np.float32)
        return pa.array([None if np.isnan(one) else str(one) for one in single], pa.large_string())
    words = [None if np.isnan(number) else repr(number) for number in numbers.tolist()]
    return pa.array(words, pa.large_string())


def _date_text(times: Any) -> Any:
    """2024-12-31, with the time where it is not midnight: whatever other rows have."""
    text = pa.compute.strftime(times, "%Y-%m-%d %H:%M:%S")
    for rest in (r"\.0+$", r" 00:00:00$"):
        text = pa.compute.replace_substring_regex(text, rest, "")
    return text.cast(pa.large_string())


def numbers_of(column: RawColumn) -> npt.NDArray[np.float64]:
    """A column of numbers or booleans as [N], NaN where there is no value."""
    if column.numbers is not None:
        return column.numbers
    floats = (
        column.values.cast(pa.float64(), safe=False)
        if not pa.types.is_boolean(column.values.type)
        else column.values.cast(pa.int8()).cast(pa.float64())
    )
    return np.asarray(floats.to_numpy(zero_copy_only=False), np.float64)
