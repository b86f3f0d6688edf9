"""From a table, and its test table, to a data set: every column read by its record."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workers.columns import Column, Role, roles_of
from workers.data.dataset import Dataset, IntArray, Side, build_dataset, sides_of
from workers.data.source import DataError, DataSource, ending_of
from workers.data.tables.coding import code_labels, code_table
from workers.data.tables.files import read_table
from workers.data.tables.kinds import decide_columns
from workers.data.tables.leaks import leaks
from workers.data.tables.memory import labels_of, table_of_array, table_of_frame
from workers.data.tables.table import RawColumn, Table, as_text, raw_column


def load_table_file(source: DataSource) -> Dataset:
    """The data set in a file of any ending that is read, with its test file where there is one."""
    path = Path(source.source)
    if source.rules == 1:
        return _by_earlier_rules(source)
    table = read_table(path, "source", _npz_names(source, path))
    test = None
    if source.test is not None:
        test = read_table(Path(source.test), "test", _npz_names(source, Path(source.test)))
    if source.target is None and ending_of(path) == ".npz":
        source = replace(source, target="y")
    return dataset_of_table(table, source, path.name.split(".")[0], test)


def _by_earlier_rules(source: DataSource) -> Dataset:
    from workers.data.tables import earlier

    if source.source.endswith(".npz"):
        return earlier.load_npz_file_by_earlier_rules(source)
    return earlier.load_table_file_by_earlier_rules(source)


def _npz_names(source: DataSource, path: Path) -> dict[str, str]:
    """The arrays that an .npz must have beside X, by the field that names them."""
    if ending_of(path) != ".npz":
        return {}
    named = {"target": source.target or "y", "split": source.split, "group": source.group}
    return {field: name for field, name in named.items() if name is not None}


def load_openml(source: DataSource) -> Dataset:
    """openml:ID by scikit-learn, which keeps a copy; DataError if it cannot be had."""
    from workers.data.tables.openml import fetch_frame

    frame, target = fetch_frame(source)
    if source.rules == 1:
        from workers.data.tables.earlier import dataset_from_frame_by_earlier_rules

        return dataset_from_frame_by_earlier_rules(frame, source, source.source)
    table = table_of_frame(frame, source.source)
    return dataset_of_table(table, replace(source, target=target), source.source)


def dataset_of_memory(features: Any, labels: Any, source: DataSource, name: str) -> Dataset:
    """Features, a DataFrame or an array [N, F], with N labels.

    Raises:
        DataError: they cannot be used.
    """
    import pandas as pd

    if source.rules == 1:
        from workers.data.tables.earlier import dataset_from_arrays_by_earlier_rules

        return dataset_from_arrays_by_earlier_rules(features, labels, source, name)
    frame = isinstance(features, pd.DataFrame)
    table = table_of_frame(features, name) if frame else table_of_array(features, name)
    target = "target" if source.target is None else source.target
    while table.has(target):
        target += "_"
    own = raw_column(target, labels_of(labels, table.rows, name))
    if own.unsupported is not None:
        raise DataError("target", f"{name}: the labels are {own.unsupported}")
    whole = replace(table, columns=(*table.columns, own))
    return dataset_of_table(whole, replace(source, target=target), name)


def dataset_of_table(
    table: Table, source: DataSource, name: str, test: Table | None = None
) -> Dataset:
    """The examples of the table, then those of the test table.

    Raises:
        DataError: naming the field of the source, and the column and value where it is one.
    """
    if table.rows == 0:
        raise DataError("source", f"{table.where} holds no examples")
    roles = _roles(table, source)
    side = np.zeros(table.rows, np.int64)
    if source.split is not None:
        side = sides_of(as_text(_supported(table, source.split, "split")).to_pylist())
    notes, warnings = [*table.notes], list[str]()
    columns = source.columns
    if columns is None:
        decisions = decide_columns(table, source, roles, side != Side.TEST)
        columns = tuple(decision.column for decision in decisions)
        warnings += [line for decision in decisions for line in decision.warnings]
        notes += [line for decision in decisions for line in decision.notes]
    elif {column.name: column.role for column in roles_of(columns).values()} != roles:
        raise DataError("columns", "the target, split or group in it is another one than is named")
    parts = [(table, "source")]
    if test is not None:
        _check_test(table, test, columns, source)
        parts.append((test, "test"))
        side = np.append(side, np.full(test.rows, int(Side.TEST)))
    coded = [code_table(part, columns, source.missing_values, field) for part, field in parts]
    for part, (own, _) in zip(coded, parts, strict=True):
        warnings += [_beyond(own.where, *item) for item in part.beyond.items()]
    target = roles_of(columns)[Role.TARGET]
    labels = [
        code_labels(_supported(t, target.name, "target"), target, source.missing_values, t.where)
        for t, _ in parts
    ]
    groups, group_names = None, np.empty(0, str)
    if source.group is not None:
        named = [_groups(_supported(t, source.group, "group")) for t, _ in parts]
        missing = sum(int((own == "").sum()) for own in named)
        groups, group_names = _group_codes(np.concatenate(named))
        if missing:
            warnings.append(f"{missing} rows have no {source.group}: each is a group of its own")
    categories = [c for c in columns if c.is_input and not c.is_numeric]
    dataset = build_dataset(
        source=source,
        name=name,
        numeric=np.concatenate([part.numeric for part in coded]),
        target=_joined(labels),
        names=[*(c.name for c in columns if c.is_numeric), *(c.name for c in categories)],
        categorical=np.concatenate([part.categorical for part in coded]),
        levels=tuple(column.levels for column in categories),
        side=side,
        groups=groups,
        group_names=group_names.tolist(),
        columns=columns,
    )
    return replace(dataset, notes=tuple(notes), warnings=(*warnings, *leaks(dataset)))


def _roles(table: Table, source: DataSource) -> dict[str, Role]:
    """What the columns are for that the source names; DataError where one is not there."""
    named = {
        Role.TARGET: source.target or "target",
        Role.SPLIT: source.split,
        Role.GROUP: source.group,
    }
    roles: dict[str, Role] = {}
    for role, name in named.items():
        if name is None:
            continue
        table.column(name, role.value)
        if name in roles:
            raise DataError(role.value, f"{name!r} is the {roles[name].value} column")
        roles[name] = role
    return roles


def _joined(labels: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return labels[0] if len(labels) == 1 else np.concatenate(labels)


def _supported(table: Table, name: str, field: str) -> RawColumn:
    column = table.column(name, field)
    if column.unsupported is not None:
        raise DataError(
            field, f"column {name!r} holds {column.unsupported}, which cannot be a {field}"
        )
    return column


def _check_test(table: Table, test: Table, columns: Sequence[Column], source: DataSource) -> None:
    """DataError where the test table lacks a column that is used."""
    used = [column.name for column in columns if column.is_input or column.role is Role.TARGET]
    used += [] if source.group is None else [source.group]
    absent = [name for name in used if not test.has(name)]
    if absent:
        raise DataError("test", f"{test.where} lacks the column {absent[0]!r} of {table.where}")


def _beyond(where: str, name: str, count: int) -> str:
    values = "1 value" if count == 1 else f"{count:,} values"
    counts = "counts" if count == 1 else "count"
    return f"{name!r}: {values} of {Path(where).name} beyond ±3.4e38 {counts} as missing"


def _groups(column: RawColumn) -> npt.NDArray[np.str_]:
    return np.asarray(["" if word is None else word for word in as_text(column).to_pylist()], str)


def _group_codes(words: npt.NDArray[np.str_]) -> tuple[IntArray, npt.NDArray[np.str_]]:
    """A code for every row: the same for equal words, one of its own for a row that has none."""
    import pandas as pd

    missing = words == ""
    codes, names = pd.factorize(words)
    own = len(names) + np.arange(int(missing.sum()))
    codes = codes.astype(np.int64)
    codes[missing] = own
    _, dense = np.unique(codes, return_inverse=True)
    order = np.asarray(
        [*(name for name in names if name != ""), *["a row without a name"] * len(own)]
    )
    return dense.reshape(-1).astype(np.int64), order
