"""Our rows of finished trials: from mappings by column name to tuples in the tables' order."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table

from storage.bulk import Row, insert_rows
from storage.errors import RowsRefused
from storage.schema import layer_statistics, learning_curves, members, replicates, results
from storage.trial_records import FinishedTrial

# What the caller cannot know or need not repeat, in the order of `results`.
_IDENTITY = ("trial_id", "study", "trial", "state")
_TIMES = ("started_at", "finished_at")

_MEASUREMENTS: tuple[tuple[str, Table], ...] = (
    ("replicates", replicates),
    ("members", members),
    ("learning_curves", learning_curves),
    ("layer_statistics", layer_statistics),
)


def insert_results(
    connection: Connection,
    study: str,
    finished: Sequence[tuple[int, FinishedTrial]],
) -> None:
    """Insert every row of these trials, given with their ids; times must be set.

    Raises RowsRefused.
    """
    columns = _columns(results, (*_IDENTITY, *_TIMES))
    values = _values(results, columns, [trial.result for _, trial in finished])
    rows = [
        (
            *(trial_id, study, trial.number, trial.state.name),
            *measured,
            *(trial.started_at, trial.finished_at),
        )
        for (trial_id, trial), measured in zip(finished, values, strict=True)
    ]
    insert_rows(connection, results, (*_IDENTITY, *columns, *_TIMES), rows)
    for field, table in _MEASUREMENTS:
        columns = _columns(table, ("trial_id",))
        rows = [
            (trial_id, *row)
            for trial_id, trial in finished
            for row in _values(table, columns, getattr(trial, field))
        ]
        insert_rows(connection, table, ("trial_id", *columns), rows)


def _values(table: Table, columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    if all(len(row) == len(columns) for row in rows):
        try:
            return list(map(_getter(columns), rows))
        except KeyError:
            pass  # as many, but others
    return [_completed(table, columns, row) for row in rows]


def _completed(table: Table, columns: tuple[str, ...], row: Mapping[str, Any]) -> Row:
    if unknown := sorted(set(row) - set(columns)):
        raise RowsRefused(f"{table.name} has no column {', '.join(map(repr, unknown))} to be given")
    missing = [name for name in columns if name not in row and not table.c[name].nullable]
    if missing:
        raise RowsRefused(f"a row of {table.name} lacks {', '.join(map(repr, missing))}")
    return tuple(row.get(name) for name in columns)


@lru_cache(maxsize=64)
def _columns(table: Table, without: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(column.name for column in table.c if column.name not in without)


@lru_cache(maxsize=64)
def _getter(columns: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Row]:
    return itemgetter(*columns)
