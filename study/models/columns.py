"""From a table of examples to the columns that a model was trained on, or one line why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from study.errors import InvalidInput, nearest
from study.models.description import Description, label_names, record_of
from workers.columns import Role, roles_of
from workers.data import DataError

if TYPE_CHECKING:
    from workers.data.tables.table import Table

COLUMNS_NAMED = 12  # in a refusal: more of them say no more


@dataclass(frozen=True, eq=False)
class RawColumns:
    """Examples before preprocessing, numeric [N, numbers] with NaN and categorical [N, categories]
    with −1 where nothing is known; notes say, for a person, what was unknown."""

    numeric: npt.NDArray[np.float64]
    categorical: npt.NDArray[np.int64]
    notes: tuple[str, ...]


def table_of_examples(examples: Any, description: Description) -> "Table":
    """The table in a DataFrame, or in an array where the model was trained on one.

    Raises:
        InvalidInput: it is neither, or an array of another width.
    """
    import pandas as pd

    from workers.data.tables.memory import table_of_array, table_of_frame

    try:
        if isinstance(examples, pd.DataFrame):
            return table_of_frame(examples, "the examples")
        width = description.array_columns
        if width is None:
            raise InvalidInput(
                f"found a {type(examples).__name__}; give a DataFrame with the columns "
                f"{_listed(_feature_names(description))}"
            )
        table = table_of_array(examples, "the examples")
    except DataError as error:
        raise InvalidInput(error.message) from None
    if len(table.columns) != width:
        raise InvalidInput(
            f"found {len(table.columns)} columns; the model was trained on an array of {width}"
        )
    return table


def raw_columns(table: "Table", description: Description) -> RawColumns:
    """The features of a table, read as those of the training were, whatever their order.

    Raises:
        InvalidInput: a column is missing, or has a value that cannot be read as it was in training.
    """
    from workers.data.tables.coding import code_table

    notes = _check_names(table, description)
    try:
        coded = code_table(table, record_of(description), description.missing_values)
    except DataError as error:
        raise InvalidInput(error.message) from None
    notes += [
        f"column {name!r}: {count} beyond ±3.4e38 count as missing"
        for name, count in coded.beyond.items()
    ]
    notes += _notes(table, description, coded.numeric, coded.categorical)
    return RawColumns(coded.numeric, coded.categorical, tuple(notes))


def accuracy_on(
    table: "Table", description: Description, predicted: npt.NDArray[np.int64]
) -> tuple[float, int] | None:
    """The share of the labelled examples that were predicted right, and how many are labelled.

    predicted [N] are indices into the labels. None: there is no target column, or no label in it.
    A label that no training example had counts as wrong.
    """
    from workers.data.tables.coding import label_names as names_in

    if not table.has(description.target) or description.target in _feature_names(description):
        return None
    column = table.column(description.target, "target")
    if column.unsupported is not None:
        return None
    record = roles_of(record_of(description))[Role.TARGET]
    truth = names_in(column, record, description.missing_values)
    names = label_names(description.labels)
    right = [
        names[code] == name
        for code, name in zip(predicted.tolist(), truth, strict=True)
        if name is not None
    ]
    return (float(np.mean(right)), len(right)) if right else None


def _feature_names(description: Description) -> list[str]:
    return [feature.name for feature in description.features]


def _check_names(table: "Table", description: Description) -> list[str]:
    """What is to be said of columns that nobody asked for; InvalidInput where one is missing."""
    wanted = _feature_names(description)
    known = {*wanted, description.target, *description.ignored}
    missing = [name for name in wanted if not table.has(name)]
    unknown = [name for name in table.names if name not in known]
    if missing:
        hint = nearest(missing[0], unknown) or (
            f"; there is an unknown column {unknown[0]!r}" if unknown else ""
        )
        raise InvalidInput(
            f"column {missing[0]!r} is missing{hint} (the model reads {_listed(wanted)})"
        )
    if not unknown:
        return []
    columns = "column" if len(unknown) == 1 else "columns"
    return [f"{columns} {_listed(unknown)} not trained on, and not looked at"]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - COLUMNS_NAMED
    return ", ".join(names[:COLUMNS_NAMED]) + (f" and {more} more" if more > 0 else "")


def _notes(
    table: "Table",
    description: Description,
    numeric: npt.NDArray[np.float64],
    categorical: npt.NDArray[np.int64],
) -> list[str]:
    """What preprocessing will not show: categories that mean nothing, numbers filled in."""
    from workers.data.tables.table import as_text

    notes = []
    for position, feature in enumerate(description.numbers):
        missing = int(np.isnan(numeric[:, position]).sum())
        if missing and not (feature.missing_indicator and feature.indicator_trained):
            notes.append(
                f"column {feature.name!r}: {missing} missing, none was in training; "
                f"the mean {feature.fill:g} stands in"
            )
        other = np.abs(numeric[:, position] - feature.mean) > 1e-9 * max(abs(feature.mean), 1.0)
        if not feature.trained and other.any():
            notes.append(
                f"column {feature.name!r}: it was always {feature.mean:g} in training, and counts "
                f"for nothing in the {int(other.sum())} examples that have another number"
            )
    for position, category in enumerate(description.categories):
        codes = categorical[:, position]
        trained = np.asarray((*category.trained, False))  # the last is what −1 finds
        unseen = np.flatnonzero(~trained[codes])
        words = as_text(table.column(category.name, "source")).take(unseen).to_pylist()
        named = [w for w in words if w and w not in description.missing_values]
        if named:
            notes.append(
                f"column {category.name!r}: {len(named)} of categories that were not "
                f"trained on, such as {named[0]!r}; they count as missing"
            )
    return notes
