"""Data sets: from names, files and arrays to the splits and features that networks train on."""

from typing import Any

from workers.data.builtin import BUILTIN_NAMES, load_builtin
from workers.data.dataset import Dataset, Side
from workers.data.group_sides import check_groups
from workers.data.preprocessing import Preprocessing
from workers.data.source import FILE_ENDINGS, DataError, DataSource, ending_of
from workers.data.splitting import Split, SplitDescription, describe_split, split_dataset

__all__ = [
    "BUILTIN_NAMES",
    "FILE_ENDINGS",
    "DataError",
    "DataSource",
    "Dataset",
    "Preprocessing",
    "Side",
    "Split",
    "SplitDescription",
    "check_groups",
    "dataset_from_memory",
    "describe_split",
    "ending_of",
    "load_dataset",
    "split_dataset",
]


def load_dataset(source: DataSource) -> Dataset:
    """The data set that source names; DataError, in one line, where it cannot be used."""
    if source.source.startswith("openml:"):
        from workers.data.tables.reading import load_openml

        return load_openml(source)
    if ending_of(source.source) is not None:
        from workers.data.tables.reading import load_table_file

        return load_table_file(source)
    if "." in source.source or "/" in source.source:
        raise DataError(
            "source", f"{source.source}: what is read ends in {', '.join(FILE_ENDINGS)}"
        )
    for field in _OF_TABLES:
        if getattr(source, field):
            raise DataError(field, f"{source.source!r} is built in and takes no {field}")
    return load_builtin(source)


_OF_TABLES = ("target", "test", "split", "group", "drop", "features", "missing_values", "types")


def dataset_from_memory(
    features: Any, labels: Any, source: DataSource, name: str = "arrays"
) -> Dataset:
    """A data set of a DataFrame, or of an array [N, F], with N labels.

    Raises:
        DataError: naming the column, or the shape, that cannot be used.
    """
    from workers.data.tables.reading import dataset_of_memory

    return dataset_of_memory(features, labels, source, name)
