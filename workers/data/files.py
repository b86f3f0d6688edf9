"""Data sets from files and from OpenML: tables with a target column, or named arrays."""

import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.data.dataset import SIDE_NAMES, Dataset, FloatArray, IntArray, Side, build_dataset
from workers.data.source import DataError, DataSource

if TYPE_CHECKING:
    import pandas as pd

SIDES = {name: Side(value) for value, name in enumerate(SIDE_NAMES)}


def load_table_file(source: DataSource) -> Dataset:
    """A .csv or .parquet table, with its own test table where source.test names one."""
    frame = read_table(Path(source.source), "source")
    name = Path(source.source).stem
    if source.test is None:
        return dataset_from_frame(frame, source, name)
    import pandas as pd

    test = read_table(Path(source.test), "test")
    absent = [column for column in frame.columns if column not in test.columns]
    if absent:
        raise DataError("test", f"{source.test} lacks the column {absent[0]!r} of {source.source}")
    both = pd.concat([frame, test[list(frame.columns)]], ignore_index=True)
    side = np.zeros(len(both), np.int64)
    side[len(frame) :] = int(Side.TEST)
    return dataset_from_frame(both, source, name, side)


def read_table(path: Path, field: str, texts: Collection[str] = ()) -> "pd.DataFrame":
    """The table in a file; DataError naming `field` if it is missing or no table.

    In a .csv the columns `texts` are read as they are written, whatever they look like.
    """
    import pandas as pd

    _check_file(path, field)
    try:
        if path.suffix == ".csv":
            frame = pd.read_csv(path, dtype=dict.fromkeys(texts, "string"))
        else:
            frame = pd.read_parquet(path)
    except Exception as error:  # noqa: BLE001 - each reader raises kinds of its own
        raise DataError(field, f"{path} cannot be read as {path.suffix}: {error}") from None
    if frame.empty:
        raise DataError(field, f"{path} holds no examples")
    frame.columns = [str(column) for column in frame.columns]
    return frame


def load_npz_file(source: DataSource) -> Dataset:
    """An .npz of `X` [N, F] and labels (`y` unless target names another array)."""
    arrays = _read_npz(Path(source.source), "source", source)
    name = Path(source.source).stem
    sides = _sides(arrays["split"]) if "split" in arrays else None
    if source.test is not None:
        test = _read_npz(Path(source.test), "test", source)
        counts = len(arrays["y"]), len(test["y"])
        try:
            arrays = {key: np.concatenate([arrays[key], test[key]]) for key in arrays}
        except ValueError as error:
            raise DataError(
                "test", f"{source.test} does not fit {source.source}: {error}"
            ) from None
        sides = np.repeat([int(Side.POOL), int(Side.TEST)], counts).astype(np.int64)
    numeric = arrays["X"].astype(np.float64)
    if not np.isfinite(numeric).all():
        raise DataError("source", f"{source.source}: a feature is not finite")
    groups, group_names = None, np.empty(0)
    if "group" in arrays:
        group_names, groups = np.unique(arrays["group"], return_inverse=True)
    return build_dataset(
        source=source,
        name=name,
        numeric=numeric,
        target=arrays["y"],
        names=[f"x{i}" for i in range(numeric.shape[1])],
        side=sides,
        groups=groups,
        group_names=group_names.tolist(),
    )


def _read_npz(path: Path, field: str, source: DataSource) -> dict[str, np.ndarray]:
    """The arrays X, y and, where the source names them, split and group, under those names."""
    _check_file(path, field)
    wanted = {"X": ("source", "X"), "y": ("target", source.target or "y")}
    if source.split is not None:
        wanted["split"] = ("split", source.split)
    if source.group is not None:
        wanted["group"] = ("group", source.group)
    arrays = _open_npz(path, field, wanted, {})
    _check_npz(path, field, arrays)
    return arrays


def _open_npz(
    path: Path, field: str, wanted: Mapping[str, tuple[str, str]], optional: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """Arrays by key: wanted are (field to blame, name), optional are names."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(archive.files)
            for where, name in wanted.values():
                if name not in names:
                    raise DataError(
                        where, f"{path} has no array {name!r}; it has {', '.join(names)}"
                    )
            found = {key: name for key, (_, name) in wanted.items()}
            found |= {key: name for key, name in optional.items() if name in names}
            return {key: np.asarray(archive[name]) for key, name in found.items()}
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(field, f"{path} cannot be read as .npz: {error}") from None


def _check_npz(path: Path, field: str, arrays: Mapping[str, np.ndarray]) -> None:
    features = arrays["X"]
    if features.ndim != 2 or features.dtype.kind not in "iufb":
        raise DataError(field, f"{path}: X must be numbers [examples, features]")
    if any(len(array) != len(features) for array in arrays.values()):
        raise DataError(field, f"{path}: its arrays differ in length")


def load_openml(source: DataSource) -> Dataset:
    """openml:ID by scikit-learn, which keeps a copy; DataError if it cannot be had."""
    from sklearn.datasets import fetch_openml

    number = source.source.partition(":")[2]
    if not number.isdecimal():
        raise DataError("source", f"{source.source!r} must be openml:ID with a number as ID")
    try:
        bunch = fetch_openml(data_id=int(number), as_frame=True)
    except Exception as error:  # noqa: BLE001 - network, cache and parser each have their own
        raise DataError("source", f"{source.source} could not be fetched: {error}") from None
    frame = bunch.frame
    if source.target is None:
        targets = bunch.target_names
        if not targets:
            raise DataError("target", f"{source.source} names no target; name one of its columns")
        frame = frame.rename(columns={targets[0]: "target"})
    return dataset_from_frame(frame, source, source.source)


def dataset_from_frame(
    frame: "pd.DataFrame", source: DataSource, name: str, side: IntArray | None = None
) -> Dataset:
    """A table's columns sorted into target, split, group, numeric and categorical features."""
    import pandas as pd

    target = _column(frame, source.target or "target", "target")
    if target.isna().any():
        raise DataError(
            "target", f"{name}: {int(target.isna().sum())} examples have no label; remove them"
        )
    special = [source.target or "target"]
    groups = None
    group_names: Sequence[object] = ()
    if source.split is not None:
        side = _sides(_column(frame, source.split, "split").to_numpy())
        special.append(source.split)
    if source.group is not None:
        codes, uniques = pd.factorize(_column(frame, source.group, "group"))
        groups, group_names = codes.astype(np.int64), uniques.tolist()
        special.append(source.group)
    features = frame.drop(columns=special)
    numbers = [c for c in features.columns if pd.api.types.is_numeric_dtype(features[c].dtype)]
    texts = [c for c in features.columns if c not in numbers]
    numeric = finite_numbers(features[numbers])
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
        numeric=numeric,
        target=labels,
        names=[*numbers, *texts],
        categorical=codes,
        levels=tuple(levels),
        side=side,
        groups=groups,
        group_names=group_names,
    )


def finite_numbers(numbers: "pd.DataFrame") -> FloatArray:
    """Columns of numbers as [N, columns]; NaN where a value is missing or infinite."""
    numeric = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    finite: FloatArray = np.where(np.isinf(numeric), np.nan, numeric)
    return finite


def read_examples(path: Path, texts: Collection[str], label: str) -> "pd.DataFrame":
    """The examples to predict in a .csv, .parquet or .npz file, as a table; DataError if none.

    In a .csv the columns `texts` are read as they are written, never as numbers. An .npz becomes
    the columns x0, x1, … and, where it has an array of that name, `label`.
    """
    if path.suffix in (".csv", ".parquet"):
        return read_table(path, "source", texts)
    if path.suffix != ".npz":
        raise DataError("source", f"{path} must be a .csv, .parquet or .npz file")
    import pandas as pd

    _check_file(path, "source")
    arrays = _open_npz(path, "source", {"X": ("source", "X")}, {"y": label})
    _check_npz(path, "source", arrays)
    features = arrays["X"]
    frame = pd.DataFrame(features, columns=[f"x{i}" for i in range(features.shape[1])])
    if frame.empty:
        raise DataError("source", f"{path} holds no examples")
    return frame.assign(**{label: arrays["y"]}) if "y" in arrays else frame


def _column(frame: "pd.DataFrame", name: str, field: str) -> "pd.Series[Any]":
    if name not in frame.columns:
        have = ", ".join(map(str, frame.columns[:20]))
        raise DataError(field, f"there is no column {name!r}; the columns are {have}")
    column: pd.Series[Any] = frame[name]
    return column


def _sides(values: np.ndarray) -> IntArray:
    """train, test and validation as Side values; train and test must both occur."""
    words = np.char.lower(np.asarray(values).astype(str))
    unknown = sorted(set(words.tolist()) - set(SIDES))
    if unknown:
        raise DataError("split", f"{unknown[0]!r} must be train, test or validation")
    for word in ("train", "test"):
        if word not in words:
            raise DataError("split", f"no example says {word!r}")
    return np.asarray([int(SIDES[word]) for word in words.tolist()], np.int64)


def _check_file(path: Path, field: str) -> None:
    if not path.is_file():
        raise DataError(field, f"there is no file {path}")
