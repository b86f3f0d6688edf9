"""Tables in memory: arrays of numbers, data frames, labels."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workers.data.source import DataError
from workers.data.tables.table import Table, table_of

if TYPE_CHECKING:
    import pandas as pd


def table_of_array(features: Any, where: str) -> Table:
    """Features [N, F], or [N, …] whose every number is an input, as columns x0, x1, …"""
    try:
        if hasattr(features, "toarray"):
            raise DataError("source", f"{where}: the features are sparse; give features.toarray()")
        if isinstance(features, np.ma.MaskedArray):
            features = np.ma.filled(features.astype(np.float64), np.nan)
        array = np.asarray(features)
        if array.dtype.kind not in "iufbc":
            array = np.asarray(features, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            "source", f"{where}: the features are not numbers; give a DataFrame for other columns"
        ) from None
    rows, notes = flat(array, "source", f"{where}: features")
    return table_of(where, columns_of(rows), is_array=True, notes=notes)


def table_of_frame(frame: "pd.DataFrame", where: str) -> Table:
    """A pandas DataFrame: text, missing values, categories, nullable and Arrow types."""
    columns = [
        (str(name), _series(frame.iloc[:, place])) for place, name in enumerate(frame.columns)
    ]
    return table_of(where, columns)


def labels_of(labels: Any, examples: int, where: str) -> Any:
    """Labels in memory as an Arrow array; DataError where they are not one for every example."""
    import pandas as pd

    if isinstance(labels, pd.DataFrame):
        if labels.shape[1] != 1:
            raise DataError("target", f"{where}: give one column of labels, not {labels.shape[1]}")
        labels = labels.iloc[:, 0]
    if isinstance(labels, np.ma.MaskedArray):
        labels = np.ma.filled(labels.astype(object), None)
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
        return arrow_array(labels, "y", "target")
    series = labels if isinstance(labels, pd.Series) else pd.Series(labels, dtype=None)
    if len(series) != examples:
        raise DataError(
            "target", f"{where}: {examples} examples need as many labels, not {len(series)}"
        )
    return _series(series)


def flat(array: npt.NDArray[Any], field: str, what: str) -> tuple[npt.NDArray[Any], list[str]]:
    """Features as [N, columns], with a note where an example had a shape of its own.

    Raises:
        DataError: naming `field`; they are no numbers, or no columns of them.
    """
    if array.dtype.kind not in "iufb" or array.ndim < 2 or 0 in array.shape[1:]:
        raise DataError(
            field,
            f"{what} must be numbers [examples, features], not {list(array.shape)} of the type "
            f"{array.dtype}",
        )
    if array.dtype.itemsize > 8:
        array = array.astype(np.float64)  # Arrow has no longer floats
    if array.ndim == 2:
        return array, []
    inputs = int(np.prod(array.shape[1:]))
    shape = " × ".join(map(str, array.shape[1:]))
    return array.reshape(len(array), inputs), [f"an example is {shape}: {inputs} columns"]


def columns_of(features: npt.NDArray[Any]) -> list[tuple[str, Any]]:
    """The columns of an array [N, columns], by their names."""
    return [
        (f"x{i}", pa.array(np.ascontiguousarray(column), from_pandas=True))
        for i, column in enumerate(features.T)
    ]


def arrow_array(array: npt.NDArray[Any], name: str, field: str) -> Any:
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
        if all(isinstance(value, UUID) for value in series[series.notna()]):
            series = series.where(series.isna(), series.map(str))
        kinds = {type(value) for value in series[series.notna()].tolist()}
        if len(kinds) > 1 and not all(issubclass(kind, (int, float, np.number)) for kind in kinds):
            if bytes in kinds:
                return "bytes"
            series = series.where(series.isna(), series.map(_word))
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        if series.dtype == object and all(
            isinstance(value, int | float | UUID) for value in series[series.notna()]
        ):
            return _series(series.where(series.isna(), series.map(str)))  # more than 64 bits
        return f"values of the type {_type_in(series)}"


def _word(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


def _type_in(series: "pd.Series[Any]") -> str:
    present = series[series.notna()]
    own = type(present.iloc[0]).__name__ if series.dtype == object and len(present) else None
    return own or str(series.dtype)
