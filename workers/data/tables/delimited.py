"""Tables of text: .csv and .tsv, packed or not. A file that is wrong is refused, not repaired."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from workers.data.source import DataError
from workers.data.tables.table import Table, table_of
from workers.data.tables.words import with_numbers

SHOWN = 160  # characters of a parser's complaint


def read_delimited(path: Path, field: str) -> Table:
    """A .csv or .tsv, packed or not: every value as it is written, "" where there is none."""
    from pyarrow import csv

    try:
        with pa.OSFile(str(path)) as file, _unpacked(file, path) as stream:
            head = stream.read(1 << 16)
        delimiter, notes = _delimiter(head, path, field)
        names, lines = _header(head, delimiter)
        with pa.OSFile(str(path)) as file, _unpacked(file, path) as stream:
            found = csv.read_csv(
                stream,
                # The names come from the header itself: two may be the same.
                read_options=csv.ReadOptions(
                    column_names=[str(i) for i in range(len(names))], skip_rows=lines
                ),
                parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    column_types={str(i): pa.large_string() for i in range(len(names))},
                    strings_can_be_null=False,
                ),
            )
        _check_quotes(found, path, field)
        _check_repeated(found, names, path, field)
    except DataError:
        raise
    except (pa.ArrowInvalid, OSError, StopIteration, UnicodeDecodeError) as error:
        raise DataError(field, f"{path} cannot be read: {why_unreadable(error)}") from None
    columns = [(name, found.column(i)) for i, name in enumerate(names)]
    table = table_of(str(path), columns, field=field, notes=notes)
    return replace(table, columns=tuple(map(with_numbers, table.columns)))


def _unpacked(file: Any, path: Path) -> Any:
    packed = path.suffix.lower() == ".gz"
    return pa.CompressedInputStream(file, "gzip") if packed else pa.BufferReader(file.read())


def _delimiter(head: bytes, path: Path, field: str) -> tuple[str, list[str]]:
    """What stands between the values: a tab in a .tsv, else a comma, or a semicolon where the
    header has no comma."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head:
        raise DataError(field, f"{path} is not text in UTF-8; save it as CSV UTF-8")
    if ".tsv" in path.name.lower():
        return "\t", []
    line = re.sub(rb'"[^"]*"', b"", next((x for x in head.splitlines() if x.strip()), b""))
    if b"," not in line and b";" in line:
        return ";", [f"{path.name}: its values are separated by semicolons"]
    if b"," not in line and b"\t" in line:
        return "\t", [f"{path.name}: its values are separated by tabs"]
    return ",", []


def _check_quotes(found: Any, path: Path, field: str) -> None:
    """DataError where a quote is never closed: the parser takes the rest for one value."""
    last = found.slice(max(0, found.num_rows - 1)).to_pylist()
    if not any("\n" in value for row in last for value in row.values()):
        return
    with pa.OSFile(str(path)) as file, _unpacked(file, path) as stream:
        quotes = stream.read().count(b'"')
    if quotes % 2:
        raise DataError(field, f"{path} cannot be read: a quote in it is opened and never closed")


def _header(head: bytes, delimiter: str) -> tuple[list[str], int]:
    """The names in the first line that is not empty, and how many lines that takes. A column that
    has none is called as pandas does, Unnamed: 0."""
    import csv
    import io

    text = head.decode("utf-8-sig", errors="strict" if len(head) < 1 << 16 else "ignore")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found = next(row for row in rows if row)
    names = [name if name.strip() else f"Unnamed: {i}" for i, name in enumerate(found)]
    return names, rows.line_num


def _check_repeated(found: Any, names: list[str], path: Path, field: str) -> None:
    """DataError where a row is the header again, as in files that were put one after another."""
    rows = pa.compute.equal(found.column(0), names[0])
    for place, name in enumerate(names[1:], start=1):
        rows = pa.compute.and_(rows, pa.compute.equal(found.column(place), name))
    if pa.compute.any(rows).as_py():
        row = pa.compute.index(rows, True).as_py() + 1
        raise DataError(field, f"{path}: row {row} is the header again; remove it")


def why_unreadable(error: Exception) -> str:
    """A parser's complaint for a person."""
    text = " ".join(str(error).split())
    expected = re.search(r"Expected (\d+) columns, got (\d+): (.*)", text)
    if expected is not None:
        columns, values, row = expected.groups()
        return (
            f"its header has {columns} columns, and a row has {values} values: {row[:SHOWN]!r}; "
            "give every row as many, and the header in the first line"
        )
    if "UTF8" in text or isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8; save it as CSV UTF-8"
    if isinstance(error, StopIteration) or "Empty CSV" in text:
        return "it is empty"
    return text[:SHOWN]
