"""What finished trials leave in the database: Optuna's rows and ours, all of a batch at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, select

from storage.database.attributes import attribute_rows
from storage.database.bulk import Row, insert_rows
from storage.errors import RowsRefused
from storage.tables.schema import layer_statistics, learning_curves, members, replicates, results
from storage.trials import reads, writes
from storage.trials.conversion import TrialRows, intermediate_rows, to_utc, value_rows
from storage.trials.records import Confirmation, FinishedTrial

# What the caller cannot know or need not repeat, in the order of `results`.
_IDENTITY = ("trial_id", "study", "trial", "state")
_TIMES = ("started_at", "finished_at")

_MEASUREMENTS: tuple[tuple[str, Table], ...] = (
    ("replicates", replicates),
    ("members", members),
    ("learning_curves", learning_curves),
    ("layer_statistics", layer_statistics),
)


def write_finished(
    connection: Connection,
    study: str,
    finished: Sequence[FinishedTrial],
    ids: Mapping[int, int],
) -> None:
    """Finish RUNNING trials, whose times are both given; ids are by number.

    Raises RowsRefused, TypeError for an attribute that JSON cannot hold.
    """
    _write_optuna_rows(connection, finished, ids)
    _insert_results(connection, study, finished, ids)


def already_written(
    connection: Connection, finished: Sequence[FinishedTrial], ids: Mapping[int, int]
) -> frozenset[int]:
    """The numbers of those that are finished in the database exactly as they are given here.

    ids are by number. Raises RowsRefused for an objective value that is NaN.
    """
    trial_ids = [ids[trial.number] for trial in finished]
    with_results = set(
        connection.scalars(select(results.c.trial_id).where(results.c.trial_id.in_(trial_ids)))
    )
    stored = {rows.trial_id: rows for rows in reads.read_trials(connection, trial_ids)}
    same = set()
    for trial in finished:
        rows = stored.get(ids[trial.number])
        if rows is not None and rows.trial_id in with_results and rows.state is trial.state:
            values = [tuple(row) for row in sorted(rows.values)]
            if values == value_rows(trial.values or ()):
                same.add(trial.number)
    return frozenset(same)


def _write_optuna_rows(
    connection: Connection, finished: Sequence[FinishedTrial], ids: Mapping[int, int]
) -> None:
    batch = [
        TrialRows(
            ids[trial.number],
            trial.number,
            trial.state,
            to_utc(trial.started_at),
            to_utc(trial.finished_at),
            values=value_rows(trial.values or ()),
            user_attributes=attribute_rows(trial.user_attributes),
            system_attributes=attribute_rows(trial.system_attributes),
            intermediate_values=intermediate_rows(trial.intermediate_values),
        )
        for trial in finished
    ]
    writes.set_states(
        connection,
        [
            (r.trial_id, r.state, {"datetime_start": r.started, "datetime_complete": r.completed})
            for r in batch
        ],
    )
    # Few trials have reports when they finish. The others' rows replace nothing, and are faster.
    reported = reads.trials_with_reports(connection, [rows.trial_id for rows in batch])
    without = [rows for rows in batch if rows.trial_id not in reported]
    others = [rows for rows in batch if rows.trial_id in reported]
    for field in ("values", "user_attributes", "system_attributes", "intermediate_values"):
        writes.write_children(connection, field, without, replace=False)
        writes.write_children(connection, field, others)


def _insert_results(
    connection: Connection,
    study: str,
    finished: Sequence[FinishedTrial],
    ids: Mapping[int, int],
) -> None:
    columns = _columns(results, (*_IDENTITY, *_TIMES))
    rows = [
        (
            *(ids[trial.number], study, trial.number, trial.state.name),
            *measured,
            *(trial.started_at, trial.finished_at),
        )
        for trial in finished
        for measured in _values(results, columns, [trial.result])
    ]
    insert_rows(connection, results, (*_IDENTITY, *columns, *_TIMES), rows)
    insert_measurements(connection, finished, ids)


def insert_measurements(
    connection: Connection,
    measured: Sequence[FinishedTrial] | Sequence[Confirmation],
    ids: Mapping[int, int],
) -> None:
    """Insert what was measured of replicates, members and layers; ids are by number. Raises
    RowsRefused."""
    for field, table in _MEASUREMENTS:
        if any(getattr(trial, field) for trial in measured):
            columns = _columns(table, ("trial_id",))
            insert_rows(
                connection,
                table,
                ("trial_id", *columns),
                (
                    (ids[trial.number], *row)
                    for trial in measured
                    for row in _values(table, columns, getattr(trial, field))
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
