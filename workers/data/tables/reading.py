"""From a table, and its test table, to a data set: every column read by its record."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workers.columns import Column, Role, roles_of
from workers.data.dataset import Dataset, IntArray, Side, build_dataset, sides_of
from workers.data.source import DataError, DataSource, ending_of
from workers.data.splitting import drawn_for_test
from workers.data.tables.coding import code_labels, code_table, unseen_levels
from workers.data.tables.decision import listed
from workers.data.tables.files import read_table
from workers.data.tables.kinds import decide_columns, decide_target
from workers.data.tables.leaks import leaks
from workers.data.tables.memory import labels_of, table_of_array, table_of_frame
from workers.data.tables.table import RawColumn, Table, as_text, raw_column
from workers.data.tables.words import levels_of
from workers.tasks.classification import Classification
from workers.tasks.task import UnusableTarget

if TYPE_CHECKING:
    import pandas as pd


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
    if frame and isinstance(labels, pd.Series) and _is_reordered(labels.index, features.index):
        raise DataError(
            "target", f"{name}: the labels have the rows of the features in another order"
        )
    own = raw_column(target, labels_of(labels, table.rows, name))
    if own.unsupported is not None:
        raise DataError("target", f"{name}: the labels are {own.unsupported}")
    whole = replace(table, columns=(*table.columns, own))
    return dataset_of_table(whole, replace(source, target=target), name)


def _is_reordered(one: "pd.Index", other: "pd.Index") -> bool:
    """Whether two indices name the same rows, but in another order."""
    return len(one) == len(other) and not one.equals(other) and set(one) == set(other)


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
    parts = [(table, "source")] if test is None else [(table, "source"), (test, "test")]
    side = np.zeros(table.rows, np.int64)
    if source.split is not None:
        side = sides_of(as_text(_supported(table, source.split, "split")).to_pylist())
    if test is not None:
        side = np.append(side, np.full(test.rows, int(Side.TEST)))
        _check_test(table, test, roles)
    target = _target_record(table, source, roles, side[: table.rows] != Side.TEST)
    labels = _labels([part for part, _ in parts], target, source)
    groups, group_names, ungrouped = _groups([part for part, _ in parts], source)
    drawn = _drawn_for_test(labels, groups, side, source)
    notes, warnings = [*table.notes], [*ungrouped]
    columns = source.columns
    if columns is None:
        known = (side != Side.TEST) if drawn is None else (side != Side.TEST) & ~drawn
        decisions = decide_columns(table, source, roles, target, known[: table.rows])
        columns = tuple(decision.column for decision in decisions)
        warnings += [line for decision in decisions for line in decision.warnings]
        notes += [line for decision in decisions for line in decision.notes]
    if test is not None:
        notes += _not_looked_at(table, test)
        _check_has(table, test, [column.name for column in columns if column.is_input])
        which = f"of {test.rows} rows of {Path(test.where).name}"
        warnings += unseen_levels(test, columns, source.missing_values, which)
    warnings += unseen_levels(table, columns, source.missing_values, "rows for testing")
    coded = [code_table(part, columns, source.missing_values, field) for part, field in parts]
    for part, (own, _) in zip(coded, parts, strict=True):
        warnings += [_beyond(own.where, *item) for item in part.beyond.items()]
    categories = [c for c in columns if c.is_input and not c.is_numeric]
    dataset = build_dataset(
        source=source,
        name=name,
        numeric=np.concatenate([part.numeric for part in coded]),
        target=labels,
        names=[*(c.name for c in columns if c.is_numeric), *(c.name for c in categories)],
        categorical=np.concatenate([part.categorical for part in coded]),
        levels=tuple(column.levels for column in categories),
        side=side,
        groups=groups,
        group_names=group_names.tolist(),
        columns=columns,
        drawn_for_test=drawn,
    )
    return replace(dataset, notes=tuple(notes), warnings=(*warnings, *leaks(dataset)))


def _target_record(
    table: Table, source: DataSource, roles: dict[str, Role], known: npt.NDArray[np.bool_]
) -> Column:
    """How labels are read; DataError where the record of the columns is of another target."""
    if source.columns is not None:
        recorded = {column.name: column.role for column in roles_of(source.columns).values()}
        if recorded != roles:
            raise DataError("columns", "the target, split or group in it is another than is named")
        return roles_of(source.columns)[Role.TARGET]
    (name,) = (name for name, role in roles.items() if role is Role.TARGET)
    return decide_target(_supported(table, name, "target"), source, known)


def _labels(tables: Sequence[Table], target: Column, source: DataSource) -> npt.NDArray[np.generic]:
    coded = [
        code_labels(
            _supported(own, target.name, "target"), target, source.missing_values, own.where
        )
        for own in tables
    ]
    return coded[0] if len(coded) == 1 else np.concatenate(coded)


def _groups(
    tables: Sequence[Table], source: DataSource
) -> tuple[IntArray | None, npt.NDArray[np.str_], list[str]]:
    """The rows' groups by code, the groups' names, and what is said of rows that have none."""
    if source.group is None:
        return None, np.empty(0, str), []
    words = np.concatenate(
        [
            _group_words(_supported(own, source.group, "group"), source.missing_values)
            for own in tables
        ]
    )
    missing = int((words == "").sum())
    said = f"{missing} rows have no {source.group}: each is a group of its own"
    return *_group_codes(words), [said] if missing else []


def _drawn_for_test(
    labels: npt.NDArray[np.generic], groups: IntArray | None, side: IntArray, source: DataSource
) -> npt.NDArray[np.bool_] | None:
    """The rows that the study's seed draws for testing; None: that is not known."""
    if source.seed is None:
        return None
    try:
        task, codes = Classification.from_target(labels)
        task.check(codes, side == Side.POOL, 2)
    except UnusableTarget:
        return None  # it is refused with the other columns
    return drawn_for_test(task.strata(codes), groups, side, source.test_fraction, source.seed)


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


def _supported(table: Table, name: str, field: str) -> RawColumn:
    column = table.column(name, field)
    if column.unsupported is not None:
        raise DataError(
            field, f"column {name!r} holds {column.unsupported}, which cannot be a {field}"
        )
    return column


def _check_test(table: Table, test: Table, roles: dict[str, Role]) -> None:
    """DataError where the test table lacks the target, or the groups."""
    _check_has(table, test, [name for name, role in roles.items() if role is not Role.SPLIT])


def _check_has(table: Table, test: Table, names: Sequence[str]) -> None:
    """DataError where the test table lacks a column that is used."""
    absent = [name for name in names if not test.has(name)]
    if absent:
        raise DataError("test", f"{test.where} lacks the column {absent[0]!r} of {table.where}")


def _beyond(where: str, name: str, count: int) -> str:
    values = "1 value" if count == 1 else f"{count:,} values"
    counts = "counts" if count == 1 else "count"
    return f"{name!r}: {values} of {Path(where).name} beyond ±3.4e38 {counts} as missing"


def _not_looked_at(table: Table, test: Table) -> list[str]:
    """What is said of columns that only the test table has."""
    more = [name for name in test.names if not table.has(name)]
    if not more:
        return []
    return [f"{test.where}: {listed(more)} not in {table.where}, and not looked at"]


def _group_words(column: RawColumn, missing: Sequence[str]) -> npt.NDArray[np.str_]:
    """The group of every row, "" where it has none: as text, a number however it is written."""
    found = levels_of(column, missing)
    return np.asarray([*found.words.to_pylist(), ""], str)[found.codes]


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
