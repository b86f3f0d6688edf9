"""From a table of examples to the columns that a model was trained on, or one line why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from study.errors import InvalidInput, nearest
from study.models.description import CategoryFeature, Description, label_names

if TYPE_CHECKING:
    import pandas as pd

COLUMNS_NAMED = 12  # in a refusal: more of them say no more


@dataclass(frozen=True, eq=False)
class RawColumns:
    """Examples before preprocessing, numeric [N, numbers] with NaN and categorical [N, categories]
    with −1 where nothing is known; notes say, for a person, what was unknown."""

    numeric: npt.NDArray[np.float64]
    categorical: npt.NDArray[np.int64]
    notes: tuple[str, ...]


def raw_columns(frame: "pd.DataFrame", description: Description) -> RawColumns:
    """The features of a table, whatever the order of its columns.

    Raises:
        InvalidInput: a column is missing, unknown or there twice, or is text where numbers were
            trained on.
    """
    import pandas as pd

    from workers.data.files import finite_numbers

    _check_names([str(column) for column in frame.columns], description)
    frame = frame.set_axis([str(column) for column in frame.columns], axis=1)
    numbers = {f.name: _as_numbers(frame[f.name], f.name) for f in description.numbers}
    numeric = np.zeros((len(frame), 0))
    if numbers:
        numeric = finite_numbers(pd.DataFrame(numbers, index=frame.index))
    codes = [_as_codes(frame[f.name], f) for f in description.categories]
    categorical = np.zeros((len(frame), len(codes)), np.int64)
    for position, own in enumerate(codes):
        categorical[:, position] = own
    return RawColumns(numeric, categorical, tuple(_notes(frame, description, numeric, categorical)))


def accuracy_on(
    frame: "pd.DataFrame", description: Description, predicted: npt.NDArray[np.int64]
) -> tuple[float, int] | None:
    """The share of the labelled examples that were predicted right, and how many are labelled.

    predicted [N] are indices into the labels. None: there is no target column, or no label in it.
    A label that no training example had counts as wrong.
    """
    if description.target not in frame.columns or description.target in _feature_names(description):
        return None
    target = frame[description.target]
    labelled = target.notna().to_numpy()
    if not labelled.any():
        return None
    names = label_names(description.labels)
    truth = [_label_name(label) for label in target[labelled].tolist()]
    right = [names[code] == name for code, name in zip(predicted[labelled], truth, strict=True)]
    return float(np.mean(right)), len(right)


def _label_name(label: Any) -> str:
    """A label as classes are named: whole floats are integers, as in training."""
    whole = isinstance(label, float) and label.is_integer()
    return str(int(label)) if whole else str(label)


def _feature_names(description: Description) -> list[str]:
    return [feature.name for feature in description.features]


def _check_names(columns: Sequence[str], description: Description) -> None:
    wanted = _feature_names(description)
    twice = [column for column in columns if columns.count(column) > 1]
    if twice:
        raise InvalidInput(f"column {twice[0]!r} is there twice")
    missing = [name for name in wanted if name not in columns]
    unknown = [c for c in columns if c not in (*wanted, description.target, *description.ignored)]
    known = _listed(wanted)
    if missing:
        hint = f"; there is an unknown column {unknown[0]!r}" if unknown else ""
        raise InvalidInput(f"column {missing[0]!r} is missing{hint} (the model reads {known})")
    if unknown:
        hint = nearest(unknown[0], wanted)
        raise InvalidInput(f"unknown column {unknown[0]!r}{hint} (the model reads {known})")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - COLUMNS_NAMED
    return ", ".join(names[:COLUMNS_NAMED]) + (f" and {more} more" if more > 0 else "")


def _as_numbers(values: "pd.Series[Any]", name: str) -> "pd.Series[Any]":
    """Values as numbers; what a file of objects holds may be numbers all the same."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values.dtype):
        return values
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        raise InvalidInput(f"column {name!r} holds dates; the model was trained on numbers")
    numbers = pd.to_numeric(values.astype("object"), errors="coerce")
    wrong = np.flatnonzero(numbers.isna().to_numpy() & values.notna().to_numpy())
    if len(wrong):
        found = values.iloc[wrong[0]]
        raise InvalidInput(
            f"column {name!r}: found {found!r} in example {wrong[0] + 1}; "
            "the model was trained on numbers"
        )
    return numbers


def _as_codes(values: "pd.Series[Any]", feature: CategoryFeature) -> npt.NDArray[np.int64]:
    import pandas as pd

    levels = pd.Index(feature.levels, dtype="string")
    return np.asarray(levels.get_indexer(pd.Index(values.astype("string"))), np.int64)


def _notes(
    frame: "pd.DataFrame",
    description: Description,
    numeric: npt.NDArray[np.float64],
    categorical: npt.NDArray[np.int64],
) -> list[str]:
    """What preprocessing will not show: categories that mean nothing, numbers filled in."""
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
        unseen = ~trained[codes] & frame[category.name].notna().to_numpy()
        if unseen.any():
            example = frame[category.name].iloc[int(np.flatnonzero(unseen)[0])]
            notes.append(
                f"column {category.name!r}: {int(unseen.sum())} of categories that were not "
                f"trained on, such as {str(example)!r}; they count as missing"
            )
    return notes
