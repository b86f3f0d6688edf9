"""The examples of a file, read as the model's training data were."""

from pathlib import Path
from typing import TYPE_CHECKING

from study.errors import InvalidInput
from study.models.description import Description
from workers.data import DataError

if TYPE_CHECKING:
    import pandas as pd


def examples_in(path: Path, description: Description) -> "pd.DataFrame":
    """The table in a .csv, .parquet or .npz file; InvalidInput if there is none."""
    from workers.data.files import read_examples

    texts = [category.name for category in description.categories]
    if any(isinstance(label, str) for label in description.labels):
        texts.append(description.target)
    try:
        return read_examples(path, texts, description.target)
    except DataError as error:
        raise InvalidInput(error.message) from None
