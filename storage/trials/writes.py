"""SQL that writes Optuna's trials: many rows at once, inside the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import (
    ARRAY,
    Connection,
    DateTime,
    Integer,
    Table,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    select,
    text,
    update,
)
from sqlalchemy.types import TypeEngine

from storage.database.bulk import insert_rows
from storage.tables.optuna_schema import (
    trial_intermediate_values,
    trial_params,
    trial_system_attributes,
    trial_user_attributes,
    trial_values,
    trials,
)
from storage.tables.schema import results
from storage.trials.conversion import TrialRows

# Columns and unique key of each, for writing.
_WRITTEN: dict[str, tuple[Table, tuple[str, ...], tuple[str, ...]]] = {
    "parameters": (
        trial_params,
        ("trial_id", "param_name", "param_value", "distribution_json"),
        ("trial_id", "param_name"),
    ),
    "values": (
        trial_values,
        ("trial_id", "objective", "value", "value_type"),
        ("trial_id", "objective"),
    ),
    "user_attributes": (
        trial_user_attributes,
        ("trial_id", "key", "value_json"),
        ("trial_id", "key"),
    ),
    "system_attributes": (
        trial_system_attributes,
        ("trial_id", "key", "value_json"),
        ("trial_id", "key"),
    ),
    "intermediate_values": (
        trial_intermediate_values,
        ("trial_id", "step", "intermediate_value", "intermediate_value_type"),
        ("trial_id", "step"),
    ),
}


_HIGHEST = select(func.max(trials.c.number))
_HIGHEST_OF_STUDY = _HIGHEST.where(trials.c.study_id == bindparam("study"))
_HIGHEST_OF_LATER = _HIGHEST.where(
    # The sum keeps PostgreSQL from the index on study_id, which would read the whole study.
    trials.c.trial_id >= bindparam("newest"),
    trials.c.study_id + 0 == bindparam("study"),
)
_HIGHEST_ID = select(func.max(trials.c.trial_id))
_NEW_IDS = text(
    "SELECT nextval(pg_get_serial_sequence('trials', 'trial_id')) FROM generate_series(1, :count)"
)


def next_number(connection: Connection, study_id: int, newest: int | None) -> int:
    """One more than the highest number after trial `newest`; 0 for a study without trials."""
    found: int | None = None
    if newest is not None:
        place = {"study": study_id, "newest": newest}
        found = connection.scalar(_HIGHEST_OF_LATER, place)
    if found is None:  # or not even the newest is there: the study was deleted and made anew
        found = connection.scalar(_HIGHEST_OF_STUDY, {"study": study_id})
    return 0 if found is None else found + 1


def new_trial_ids(connection: Connection, count: int) -> list[int]:
    """Ids for new trials, rising; on SQLite good for this transaction only."""
    if connection.dialect.name == "sqlite":
        first = (connection.scalar(_HIGHEST_ID) or 0) + 1
        return list(range(first, first + count))
    return sorted(connection.scalars(_NEW_IDS, {"count": count}))


def insert_trials(connection: Connection, study_id: int, batch: Sequence[TrialRows]) -> None:
    """Insert new trials with all their rows."""
    columns = ("trial_id", "number", "study_id", "state", "datetime_start", "datetime_complete")
    heads = [(r.trial_id, r.number, study_id, r.state.name, r.started, r.completed) for r in batch]
    insert_rows(connection, trials, columns, heads)
    for field in _WRITTEN:
        write_children(connection, field, batch, replace=False)


def analyze(connection: Connection, before: int, after: int) -> None:
    """Tell PostgreSQL how large its tables are, each time that a study has grown fourfold.

    It would notice by itself after a minute, and scan whole tables for a few rows until then.
    Not before a study is large: told of a small table, it checks foreign keys by scanning it, and
    keeps that plan while the table grows.
    """
    grown = any(before < 4**power <= after for power in range(5, 16))
    if grown and connection.dialect.name == "postgresql":
        # The columns that rows are found by; the others' statistics would take longer than a batch.
        children = [f"{table.name} (trial_id)" for table, _, _ in _WRITTEN.values()]
        found = ", ".join(["trials (trial_id, study_id, state)", *children])
        connection.exec_driver_sql(f"ANALYZE {found}, {results.name} (trial_id, study)")


def write_children(
    connection: Connection, field: str, batch: Sequence[TrialRows], *, replace: bool = True
) -> None:
    """Insert the rows of one field of TrialRows; replace takes the place of equal keys."""
    table, columns, key = _WRITTEN[field]
    rows = ((trial.trial_id, *row) for trial in batch for row in getattr(trial, field))
    if any(getattr(trial, field) for trial in batch):
        insert_rows(connection, table, columns, rows, key if replace else ())


def set_states(
    connection: Connection, changes: Sequence[tuple[int, TrialState, Mapping[str, datetime | None]]]
) -> None:
    """Set state and times of trials; the keys of the times are columns of `trials`, all alike."""
    if not changes:
        return
    names = tuple(changes[0][2])
    rows = [(i, state.name, *times.values()) for i, state, times in changes]
    if connection.dialect.name == "postgresql":
        # One statement for all: psycopg would send one per row.
        ids, states, *moments = map(list, zip(*rows, strict=True))
        given = {"id": ids, "new_state": states, **dict(zip(names, moments, strict=True))}
        connection.execute(_SET_STATES[frozenset(names)], given)
        return
    given_rows = [dict(zip(("id", "new_state", *names), row, strict=True)) for row in rows]
    connection.execute(_SET_STATE[frozenset(names)], given_rows)


_TIMES = ("datetime_start", "datetime_complete")
_SETS_OF_TIMES = ((), _TIMES[:1], _TIMES[1:], _TIMES)
_SET_STATE = {
    frozenset(names): update(trials)
    .where(trials.c.trial_id == bindparam("id"))
    .values({"state": bindparam("new_state"), **{name: bindparam(name) for name in names}})
    for names in _SETS_OF_TIMES
}


def _set_states(names: tuple[str, ...]) -> Update:
    """An update of many trials at once, from one array per column."""
    types: dict[str, TypeEngine[Any]] = {"id": Integer(), "new_state": Text()}
    types |= dict.fromkeys(names, DateTime())
    arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in types.items()]
    columns = [column(name, kind) for name, kind in types.items()]
    new = func.unnest(*arrays).table_valued(*columns).render_derived()
    state = cast(new.c.new_state, trials.c.state.type)
    values = {"state": state, **{name: new.c[name] for name in names}}
    return update(trials).where(trials.c.trial_id == new.c.id).values(values)


_SET_STATES = {frozenset(names): _set_states(names) for names in _SETS_OF_TIMES}
