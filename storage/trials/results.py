"""Our rows of finished trials: from mappings by column name to tuples in the tables' order."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table

from storage.database.bulk import Row, insert_rows
from storage.errors import RowsRefused
from storage.tables.schema import layer_statistics, learning_curves, members, replicates, results
from storage.trials.records import FinishedTrial

# What the caller cannot know or need not repeat, in the order of `results`.
_IDENTITY = ("trial_id", "study", "trial", "state")
_TIMES = ("started_at", "finished_at")

_MEASUREMENTS: tuple[tuple[str, Table], ...] = (
    ("replicates", replicates),
    ("members", members),
    ("learning_curves", learning_curves),
    ("layer_statistics", layer_statistics),
)


class Ending(NamedTuple):
    """A trial's end with what the caller need not know; both times are aware."""

    trial_id: int
    trial: FinishedTrial
    started_at: datetime | None
    finished_at: datetime


def insert_results(connection: Connection, study: str, endings: Sequence[Ending]) -> None:
    """Insert every row of these trials. Raises RowsRefused."""
    columns = _columns(results, (*_IDENTITY, *_TIMES))
    rows = [
        (
            *(ending.trial_id, study, ending.trial.number, ending.trial.state.name),
            *measured,
            *(ending.started_at, ending.finished_at),
        )
        for ending in endings
        for measured in _values(results, columns, [ending.trial.result])
    ]
    insert_rows(connection, results, (*_IDENTITY, *columns, *_TIMES), rows)
    for field, table in _MEASUREMENTS:
        if any(getattr(ending.trial, field) for ending in endings):
            columns = _columns(table, ("trial_id",))
            insert_rows(
                connection,
                table,
                ("trial_id", *columns),
                (
                    (ending.trial_id, *row)
                    for ending in endings
                    for row in _values(table, columns, getattr(ending.trial, field))
                ),
            )


def _values(
    table: Table, columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]
) -> Iterable[Row]:
    if set(map(len, rows)) <= {len(columns)}:
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
