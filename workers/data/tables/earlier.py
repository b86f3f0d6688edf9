"""Tables as versions read them that kept no record of it (data.rules 1).

Their studies go on and are replayed with the very inputs that they were begun with. Nothing new is
read by these rules: pandas decides what a column is, for each file by itself.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.data.dataset import Dataset, FloatArray, IntArray, Side, build_dataset, sides_of
from workers.data.source import DataError, DataSource

if TYPE_CHECKING:
    import pandas as pd


def load_table_file_by_earlier_rules(source: DataSource) -> Dataset:
    """A .csv or .parquet table, with its own test table where source.test names one."""
    import pandas as pd

    frame = _read(Path(source.source), "source")
    side: IntArray | None = None
    if source.test is not None:
        test = _read(Path(source.test), "test")
        absent = [column for column in frame.columns if column not in test.columns]
        if absent:
            raise DataError("test", f"{source.test} lacks the column {absent[0]!r}")
        side = np.repeat([0, int(Side.TEST)], [len(frame), len(test)]).astype(np.int64)
        frame = pd.concat([frame, test[list(frame.columns)]], ignore_index=True)
    return dataset_from_frame_by_earlier_rules(frame, source, Path(source.source).stem, side)


def _read(path: Path, field: str) -> "pd.DataFrame":
    import pandas as pd

    if not path.is_file():
        raise DataError(field, f"there is no file {path}")
    try:
        frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except Exception as error:  # noqa: BLE001 - each reader raises kinds of its own
        raise DataError(field, f"{path} cannot be read: {error}") from None
    frame.columns = [str(column) for column in frame.columns]
    return frame


def load_npz_file_by_earlier_rules(source: DataSource) -> Dataset:
    """An .npz of `X` [N, F] and labels (`y` unless target names another array)."""
    arrays = _read_npz(Path(source.source), "source", source)
    sides = sides_of(arrays["split"]) if "split" in arrays else None
    if source.test is not None:
        test = _read_npz(Path(source.test), "test", source)
        sides = np.repeat([0, int(Side.TEST)], [len(arrays["y"]), len(test["y"])]).astype(np.int64)
        arrays = {key: np.concatenate([arrays[key], test[key]]) for key in arrays}
    groups, group_names = None, np.empty(0)
    if "group" in arrays:
        group_names, groups = np.unique(arrays["group"], return_inverse=True)
    numeric = arrays["X"].astype(np.float64)
    return build_dataset(
        source=source,
        name=Path(source.source).stem,
        numeric=numeric,
        target=arrays["y"],
        names=[f"x{i}" for i in range(numeric.shape[1])],
        side=sides,
        groups=groups,
        group_names=group_names.tolist(),
    )


def _read_npz(path: Path, field: str, source: DataSource) -> dict[str, np.ndarray]:
    wanted = {"X": "X", "y": source.target or "y", "split": source.split, "group": source.group}
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[name] for key, name in wanted.items() if name is not None}
    except Exception as error:  # noqa: BLE001 - NumPy raises kinds of its own
        raise DataError(field, f"{path} cannot be read as .npz: {error}") from None


def dataset_from_arrays_by_earlier_rules(
    features: Any, target: Any, source: DataSource, name: str
) -> Dataset:
    """Numbers in memory, [N, F], and N labels."""
    try:
        numeric = np.asarray(features, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("source", f"{name}: the features are not numbers") from None
    return build_dataset(
        source=source,
        name=name,
        numeric=numeric,
        target=np.asarray(target),
        names=[f"x{i}" for i in range(numeric.shape[1])],
    )


def dataset_from_frame_by_earlier_rules(
    frame: "pd.DataFrame", source: DataSource, name: str, side: IntArray | None = None
) -> Dataset:
    """A table whose columns are numbers where pandas says so, and categories else."""
    import pandas as pd

    target = frame[source.target or "target"]
    special = [source.target or "target"]
    groups, group_names = None, np.empty(0, object)
    if source.split is not None:
        side = sides_of(frame[source.split].to_numpy())
        special.append(source.split)
    if source.group is not None:
        codes, uniques = pd.factorize(frame[source.group])
        groups, group_names = codes.astype(np.int64), np.asarray(uniques)
        special.append(source.group)
    features = frame.drop(columns=special)
    numbers = [c for c in features.columns if pd.api.types.is_numeric_dtype(features[c].dtype)]
    texts = [c for c in features.columns if c not in numbers]
    codes = np.zeros((len(frame), len(texts)), np.int64)
    levels: list[tuple[str, ...]] = []
    for position, column in enumerate(texts):
        category = pd.Categorical(features[column].astype("string"))
        codes[:, position] = category.codes
        levels.append(tuple(str(level) for level in category.categories))
    labels = target.to_numpy()
    if labels.dtype.kind not in "iufb":
        labels = target.astype(str).to_numpy().astype(str)
    return build_dataset(
        source=source,
        name=name,
        numeric=_finite(features[numbers]),
        target=labels,
        names=[*numbers, *texts],
        categorical=codes,
        levels=tuple(levels),
        side=side,
        groups=groups,
        group_names=group_names.tolist(),
    )


def _finite(numbers: "pd.DataFrame") -> FloatArray:
    numeric = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    finite: FloatArray = np.where(np.isinf(numeric), np.nan, numeric)
    return finite
