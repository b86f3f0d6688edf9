"""Where a study's data come from, and the one error that says why they cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from workers.columns import Column

FILE_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".parq", ".npz")
"""Files that are read, by what their names end in, in letters of any case."""


def ending_of(path: str | PurePath) -> str | None:
    """Which of the endings a file's name has; None: it is none that is read."""
    name = PurePath(path).name.lower()
    found = [ending for ending in FILE_ENDINGS if name.endswith(ending)]
    return max(found, key=len) if found else None


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data set by name, and how it is to be divided.

    source is a built-in name (`digits`), a path that ends in one of FILE_ENDINGS, or `openml:ID`.
    target names the column (array) of labels; None: the column `target` (array `y`).
    test is a file of test examples; split a column that says train, test or validation; group a
    column whose equal values stay on one side of every split. test_fraction is the share of all
    examples, validation_fraction of those that are not test. label_noise is the share of training
    labels replaced by another class. untrained_inputs says what an input that is constant in the
    training examples is to a network: "zero", or "kept" as it is.

    drop are columns to leave out, features (None: all) the only ones to use. missing_values are
    words that mean no value in every column. types says what a column is read as, where that is not
    to be found out; max_levels how many levels of a category are told apart. columns is the record
    by which every column is read; None: it is made from the training table, without the rows that
    the study's seed draws for testing (seed None: it is not known, and all rows count). rules 1
    reads tables as the versions did that kept no record.
    """

    source: str
    target: str | None = None
    test: str | None = None
    split: str | None = None
    group: str | None = None
    test_fraction: float = 0.25
    validation_fraction: float = 0.2
    label_noise: float = 0.0
    untrained_inputs: str = "zero"
    drop: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None
    missing_values: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    max_levels: int = 50
    columns: tuple[Column, ...] | None = None
    rules: int = 2
    seed: int | None = None


class DataError(Exception):
    """The data cannot be used: `field` of the source is wrong as the one-line `message` says."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        self.message = " ".join(message.split())
        super().__init__(f"data.{field}: {self.message}")

    def __reduce__(self) -> tuple[type["DataError"], tuple[str, str]]:
        return DataError, (self.field, self.message)
