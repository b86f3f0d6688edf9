"""Where a study's data come from, and the one error that says why they cannot be used."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data set by name, and how it is to be divided.

    source is a built-in name (`digits`), a `.csv`, `.parquet` or `.npz` path, or `openml:ID`.
    target names the column (array) of labels; None: the column `target` (array `y`).
    test is a file of test examples; split a column that says train, test or validation; group a
    column whose equal values stay on one side of every split. test_fraction is the share of all
    examples, validation_fraction of those that are not test. label_noise is the share of training
    labels replaced by another class. untrained_inputs says what an input that is constant in the
    training examples is to a network: "zero", or "kept" as it is.
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


class DataError(Exception):
    """The data cannot be used: `field` of the source is wrong as the one-line `message` says."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        self.message = " ".join(message.split())
        super().__init__(f"data.{field}: {self.message}")

    def __reduce__(self) -> tuple[type["DataError"], tuple[str, str]]:
        return DataError, (self.field, self.message)
