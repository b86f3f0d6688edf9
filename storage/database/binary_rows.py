"""Rows of numbers in PostgreSQL's binary COPY format, a column at a time.

psycopg encodes a row at a time in Python, which for our largest tables (learning curves, members)
costs more than the server's whole work on them. Where every value of every row is a number, rows
are all of one length, and NumPy writes them as one array of records.

Format: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)  # signature, no flags, no extension
_TRAILER = (-1).to_bytes(2, "big", signed=True)
# Of PostgreSQL's types by name: the record's, in the byte order of the network.
_FIXED = {"int4": ">i4", "int8": ">i8", "float8": ">f8", "bool": "i1"}


def encode_rows(types: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> bytes | None:
    """A whole COPY of rows whose columns have these PostgreSQL types.

    None where that cannot be said in records of one length: no row, a type that is no number's, or
    a value that is None or NaN (both are NULL).
    """
    if not rows or not all(name in _FIXED for name in types):
        return None
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for place, name in enumerate(types):
        fields += [(f"length_{place}", ">i4"), (f"value_{place}", _FIXED[name])]
    records = np.empty(len(rows), np.dtype(fields))
    records["fields"] = len(types)
    for place, (name, column) in enumerate(zip(types, zip(*rows, strict=True), strict=True)):
        if None in column:
            return None
        values = _checked(np.asarray(column), name)
        if values is None:
            return None
        records[f"length_{place}"] = np.dtype(_FIXED[name]).itemsize
        records[f"value_{place}"] = values
    return _HEADER + records.tobytes() + _TRAILER


def _checked(values: "np.ndarray[Any, Any]", name: str) -> "np.ndarray[Any, Any] | None":
    """The values if assigning them to a record's field keeps each as it is: NumPy would wrap a
    number that is too large, and cut a fraction."""
    if name == "float8":
        return values if values.dtype.kind in "fiub" and not np.isnan(values).any() else None
    if name == "bool":
        return values if values.dtype.kind == "b" else None
    limits = np.iinfo(_FIXED[name])
    whole = values.dtype.kind in "iub"
    fits = whole and (not values.size or (limits.min <= values.min() <= values.max() <= limits.max))
    return values if fits else None
