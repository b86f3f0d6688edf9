"""Data sets: from names, files and arrays to the splits and features that networks train on."""

from pathlib import Path

from workers.data.builtin import BUILTIN_NAMES, load_builtin
from workers.data.dataset import Dataset, Side, dataset_from_arrays
from workers.data.files import load_npz_file, load_openml, load_table_file
from workers.data.group_sides import check_groups
from workers.data.preprocessing import Preprocessing
from workers.data.source import DataError, DataSource
from workers.data.splitting import Split, SplitDescription, describe_split, split_dataset

__all__ = [
    "BUILTIN_NAMES",
    "DataError",
    "DataSource",
    "Dataset",
    "Preprocessing",
    "Side",
    "Split",
    "SplitDescription",
    "check_groups",
    "dataset_from_arrays",
    "describe_split",
    "load_dataset",
    "split_dataset",
]


def load_dataset(source: DataSource) -> Dataset:
    """The data set that source names; DataError, in one line, where it cannot be used."""
    if source.source.startswith("openml:"):
        return load_openml(source)
    suffix = Path(source.source).suffix
    if suffix in (".csv", ".parquet"):
        return load_table_file(source)
    if suffix == ".npz":
        return load_npz_file(source)
    for field, value in (("target", source.target), ("test", source.test), ("split", source.split),
                         ("group", source.group)):  # fmt: skip
        if value is not None:
            raise DataError(field, f"{source.source!r} is built in and takes no {field}")
    return load_builtin(source)
