"""The examples of a file, read as the model's training data were."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from study.errors import InvalidInput
from study.models.description import Description
from workers.data import DataError

if TYPE_CHECKING:
    import pandas as pd

    from workers.data.tables.table import Table


def examples_in(path: Path, description: Description) -> "Table":
    """The table in a file of any ending that is read; InvalidInput if there is none."""
    from workers.data.tables.files import read_table

    try:
        return read_table(path, "source", also=(description.target,))
    except DataError as error:
        raise InvalidInput(error.message) from None


def kept_columns(table: "Table", names: Sequence[str]) -> "pd.DataFrame":
    """Columns of a table as they are; InvalidInput where there is none of that name."""
    import pandas as pd

    try:
        columns = {name: table.column(name, "source") for name in names}
    except DataError as error:
        raise InvalidInput(f"--keep: {error.message}") from None
    taken = [n for n in names if n == "predicted" or n.startswith("probability_")]
    if taken:
        raise InvalidInput(f"--keep: {taken[0]!r} is a column of the predictions; rename it first")
    unread = [name for name, column in columns.items() if column.unsupported is not None]
    if unread:
        raise InvalidInput(f"--keep: {unread[0]!r} holds {columns[unread[0]].unsupported}")
    return pd.DataFrame({name: column.values.to_pandas() for name, column in columns.items()})
