"""The doors of a table: files by their endings, data frames and arrays in memory."""

import re
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.data.source import FILE_ENDINGS, DataError, ending_of
from workers.data.tables.table import Table, table_of
from workers.data.tables.words import with_numbers

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 160  # characters of a parser's complaint


def read_table(
    path: Path, field: str, names: Mapping[str, str] | None = None, also: Collection[str] = ()
) -> Table:
    """The table in a file, whose ending says what it is.

    names are those of arrays that an .npz must have beside its features, by the fields that name
    them; also those that become columns where it has them.

    Raises:
        DataError: naming `field` where there is no table, or the field that names an array.
    """
    ending = ending_of(path)
    if ending is None:
        raise DataError(field, f"{path}: what is read ends in {', '.join(FILE_ENDINGS)}")
    if not path.exists():
        raise DataError(field, f"there is no file {path}")
    if path.is_dir() and ending not in (".parquet", ".parq"):
        raise DataError(field, f"{path} is a folder; only one of .parquet files is read")
    if ending == ".npz":
        table = _read_npz(path, field, names or {}, also)
    else:
        read = _read_parquet if ending in (".parquet", ".parq") else _read_delimited
        table = read(path, field)
    if table.rows == 0:
        raise DataError(field, f"{path} holds no examples")
    return table


def _read_delimited(path: Path, field: str) -> Table:
    """A .csv or .tsv, packed or not: every value as it is written, "" where there is none."""
    from pyarrow import csv

    try:
        with pa.OSFile(str(path)) as file, _unpacked(file, path) as stream:
            head = stream.read(1 << 16)
        delimiter, notes = _delimiter(head, path, field)
        names = _header(head, delimiter)
        with pa.OSFile(str(path)) as file, _unpacked(file, path) as stream:
            found = csv.read_csv(
                stream,
                # The names come from the header itself: two may be the same.
                read_options=csv.ReadOptions(
                    column_names=[str(i) for i in range(len(names))], skip_rows=1
                ),
                parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    column_types={str(i): pa.large_string() for i in range(len(names))},
                    strings_can_be_null=False,
                ),
            )
        _check_quotes(found, path, field)
    except DataError:
        raise
    except (pa.ArrowInvalid, OSError, StopIteration, UnicodeDecodeError) as error:
        raise DataError(field, f"{path} cannot be read: {_why(error)}") from None
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
    line = head.split(b"\n", 1)[0]
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


def _header(head: bytes, delimiter: str) -> list[str]:
    """The names in the first line; one that has none is called as pandas does, Unnamed: 0."""
    import csv
    import io

    text = head.decode("utf-8-sig", errors="strict" if len(head) < 1 << 16 else "ignore")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found = next(line for line in lines if line)
    return [name if name.strip() else f"Unnamed: {i}" for i, name in enumerate(found)]


def _why(error: Exception) -> str:
    """A parser's complaint for a person."""
    text = " ".join(str(error).split())
    expected = re.search(r"Expected (\d+) columns, got (\d+): (.*)", text)
    if expected is not None:
        columns, values, row = expected.groups()
        return (
            f"its header has {columns} columns, and a row has {values} values: {row[:SHOWN]!r}; "
            "give every row as many"
        )
    if "UTF8" in text or isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8; save it as CSV UTF-8"
    if isinstance(error, StopIteration) or "Empty CSV" in text:
        return "it is empty"
    return text[:SHOWN]


def _read_parquet(path: Path, field: str) -> Table:
    """A .parquet file, or a folder of them."""
    from pyarrow import parquet

    try:
        found = parquet.read_table(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(field, f"{path} cannot be read as Parquet: {_why(error)}") from None
    index = [n for n in found.column_names if re.fullmatch(r"__index_level_\d+__", n)]
    found = found.drop_columns(index)  # what pandas numbers its rows with
    columns = [(name, found.column(i)) for i, name in enumerate(found.column_names)]
    return table_of(str(path), columns, field=field)


def _read_npz(path: Path, field: str, names: Mapping[str, str], also: Collection[str]) -> Table:
    """The features `X` of an .npz as columns x0, x1, …, and its other arrays that are named."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name]) for name in archive.files}
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(field, f"{path} cannot be read as .npz: {_why(error)}") from None
    for where, name in {field: "X", **names}.items():
        if name not in arrays:
            have = ", ".join(f"{own} {list(array.shape)}" for own, array in arrays.items())
            hint = "; save the features as X: np.savez(FILE, X=…, y=…)" if name == "X" else ""
            raise DataError(where, f"{path} has no array {name!r}; it has {have}{hint}")
    features, notes = _flat(arrays["X"], field, f"{path}: X")
    others = {name: arrays[name] for name in (*names.values(), *also) if name in arrays}
    for name, array in others.items():
        if array.shape != (len(features),):
            raise DataError(
                field,
                f"{path}: its arrays differ in length: X has {len(features)} examples, "
                f"{name} the shape {list(array.shape)}",
            )
    columns = [*_columns_of(features), *((n, _arrow(a, n, field)) for n, a in others.items())]
    return table_of(str(path), columns, field=field, is_array=True, notes=notes)


def table_of_array(features: Any, where: str) -> Table:
    """Features [N, F], or [N, …] whose every number is an input, as columns x0, x1, …"""
    try:
        array = np.asarray(features)
        if array.dtype.kind not in "iufbc":
            array = np.asarray(features, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            "source", f"{where}: the features are not numbers; give a DataFrame for other columns"
        ) from None
    flat, notes = _flat(array, "source", f"{where}: features")
    return table_of(where, _columns_of(flat), is_array=True, notes=notes)


def _flat(array: npt.NDArray[Any], field: str, what: str) -> tuple[npt.NDArray[Any], list[str]]:
    if array.dtype.kind not in "iufb" or array.ndim < 2 or 0 in array.shape[1:]:
        raise DataError(
            field,
            f"{what} must be numbers [examples, features], not {list(array.shape)} of the type "
            f"{array.dtype}",
        )
    if array.ndim == 2:
        return array, []
    inputs = int(np.prod(array.shape[1:]))
    shape = " × ".join(map(str, array.shape[1:]))
    return array.reshape(len(array), inputs), [f"an example is {shape}: {inputs} columns"]


def _columns_of(features: npt.NDArray[Any]) -> list[tuple[str, Any]]:
    return [
        (f"x{i}", pa.array(np.ascontiguousarray(column), from_pandas=True))
        for i, column in enumerate(features.T)
    ]


def table_of_frame(frame: "pd.DataFrame", where: str) -> Table:
    """A pandas DataFrame: text, missing values, categories, nullable and Arrow types."""
    columns = [
        (str(name), _series(frame.iloc[:, place])) for place, name in enumerate(frame.columns)
    ]
    return table_of(where, columns)


def labels_of(labels: Any, examples: int, where: str) -> Any:
    """Labels in memory as an Arrow array; DataError where they are not one for every example."""
    import pandas as pd

    if isinstance(labels, pd.DataFrame) and labels.shape[1] == 1:
        labels = labels.iloc[:, 0]
    if isinstance(labels, np.ndarray):
        if labels.shape == (examples, 1):
            labels = labels.reshape(-1)
        if labels.shape != (examples,):
            raise DataError(
                "target",
                f"{where}: {examples} examples need as many labels, not shape {labels.shape}",
            )
        if labels.dtype.kind == "U" and (labels == "nan").any():
            count = int((labels == "nan").sum())
            raise DataError(
                "target",
                f"{where}: {count} examples have no label: they are 'nan', as NumPy writes a "
                "missing value among text; remove them",
            )
        return _arrow(labels, "y", "target")
    series = labels if isinstance(labels, pd.Series) else pd.Series(labels, dtype=None)
    if len(series) != examples:
        raise DataError(
            "target", f"{where}: {examples} examples need as many labels, not {len(series)}"
        )
    return _series(series)


def _arrow(array: npt.NDArray[Any], name: str, field: str) -> Any:
    """An array of any type as an Arrow array; bytes are text in UTF-8."""
    import pandas as pd

    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError:
            raise DataError(field, f"{name!r} holds bytes that are not text in UTF-8") from None
    if array.dtype.kind == "O":
        return _series(pd.Series(array))
    return pa.array(array.tolist() if array.dtype.kind == "U" else array, from_pandas=True)


def _series(series: "pd.Series[Any]") -> Any:
    """A column of a frame as an Arrow array, or the name of a type that is not read.

    Values of several types in it are words."""
    import pandas as pd

    if isinstance(series.dtype, pd.SparseDtype):
        series = pd.Series(series.to_numpy())
    if isinstance(series.dtype, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    if series.dtype == object:
        kinds = {type(value) for value in series[series.notna()].tolist()}
        if len(kinds) > 1 and not all(issubclass(kind, (int, float, np.number)) for kind in kinds):
            if bytes in kinds:
                return "bytes"
            series = series.where(series.isna(), series.map(_word))
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        if series.dtype == object and all(isinstance(v, int) for v in series[series.notna()]):
            return _series(series.where(series.isna(), series.map(str)))  # more than 64 bits
        return f"values of the type {_type_in(series)}"


def _word(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


def _type_in(series: "pd.Series[Any]") -> str:
    present = series[series.notna()]
    own = type(present.iloc[0]).__name__ if series.dtype == object and len(present) else None
    return own or str(series.dtype)
