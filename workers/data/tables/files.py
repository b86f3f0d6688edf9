"""The files that tables come in, known by their endings."""

import re
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from workers.data.source import FILE_ENDINGS, DataError, ending_of
from workers.data.tables.delimited import read_delimited, why_unreadable
from workers.data.tables.memory import arrow_array, columns_of, flat
from workers.data.tables.table import Table, table_of


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
    try:
        there, is_folder = path.exists(), path.is_dir()
    except OSError as error:  # the name is too long, or a folder is closed
        raise DataError(field, f"{path} cannot be read: {error.strerror}") from None
    if not there:
        raise DataError(field, f"there is no file {path}")
    if is_folder and ending not in (".parquet", ".parq"):
        raise DataError(field, f"{path} is a folder; only one of .parquet files is read")
    if ending == ".npz":
        table = _read_npz(path, field, names or {}, also)
    else:
        read = _read_parquet if ending in (".parquet", ".parq") else read_delimited
        table = read(path, field)
    if table.rows == 0:
        raise DataError(field, f"{path} holds no examples")
    return table


def _read_parquet(path: Path, field: str) -> Table:
    """A .parquet file, or a folder of them."""
    from pyarrow import parquet

    try:
        if path.is_dir():
            _check_alike(path, field)
        found = parquet.read_table(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            field, f"{path} cannot be read as Parquet: {why_unreadable(error)}"
        ) from None
    index = [n for n in found.column_names if re.fullmatch(r"__index_level_\d+__", n)]
    found = found.drop_columns(index)  # what pandas numbers its rows with
    columns = [(name, found.column(i)) for i, name in enumerate(found.column_names)]
    return table_of(str(path), columns, field=field)


def _check_alike(folder: Path, field: str) -> None:
    """DataError where the files of a folder have other columns than the first of them."""
    from pyarrow import dataset

    first: tuple[str, set[str]] | None = None
    for file in dataset.dataset(folder, format="parquet", partitioning="hive").get_fragments():
        name, columns = Path(file.path).name, set(file.physical_schema.names)
        if first is None:
            first = name, columns
        other = sorted(columns ^ first[1])
        if other:
            has, lacks = (name, first[0]) if other[0] in columns else (first[0], name)
            raise DataError(
                field, f"{folder}: {has} has the column {other[0]!r}, and {lacks} has not"
            )


def _read_npz(path: Path, field: str, names: Mapping[str, str], also: Collection[str]) -> Table:
    """The features `X` of an .npz as columns x0, x1, …, and its other arrays that are named."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name]) for name in archive.files}
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(field, f"{path} cannot be read as .npz: {why_unreadable(error)}") from None
    for where, name in {field: "X", **names}.items():
        if name not in arrays:
            have = ", ".join(f"{own} {list(array.shape)}" for own, array in arrays.items())
            hint = "; save the features as X: np.savez(FILE, X=…, y=…)" if name == "X" else ""
            raise DataError(where, f"{path} has no array {name!r}; it has {have}{hint}")
    features, notes = flat(arrays["X"], field, f"{path}: X")
    others = {name: arrays[name] for name in (*names.values(), *also) if name in arrays}
    for name, array in others.items():
        if array.shape != (len(features),):
            raise DataError(
                field,
                f"{path}: its arrays differ in length: X has {len(features)} examples, "
                f"{name} the shape {list(array.shape)}",
            )
    columns = [*columns_of(features), *((n, arrow_array(a, n, field)) for n, a in others.items())]
    return table_of(str(path), columns, field=field, is_array=True, notes=notes)
