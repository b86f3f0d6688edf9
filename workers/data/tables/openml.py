"""Data sets of OpenML, fetched and kept by scikit-learn."""

from typing import TYPE_CHECKING

from workers.data.source import DataError, DataSource

if TYPE_CHECKING:
    import pandas as pd


def fetch_frame(source: DataSource) -> tuple["pd.DataFrame", str]:
    """The table of openml:ID and the name of its target column.

    Raises:
        DataError: it cannot be had, or names no target.
    """
    from sklearn.datasets import fetch_openml

    number = source.source.partition(":")[2]
    if not number.isdecimal():
        raise DataError("source", f"{source.source!r} must be openml:ID with a number as ID")
    try:
        bunch = fetch_openml(data_id=int(number), as_frame=True)
    except Exception as error:  # noqa: BLE001 - network, cache and parser each have their own
        raise DataError("source", f"{source.source} could not be fetched: {error}") from None
    if source.target is not None:
        return bunch.frame, source.target
    if not bunch.target_names:
        raise DataError("target", f"{source.source} names no target; name one of its columns")
    return bunch.frame.rename(columns={bunch.target_names[0]: "target"}), "target"
