"""All SQL for Optuna's trials: reading them, and writing rows of many at once.

Every function works inside the caller's transaction.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import TrialState
from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    CursorResult,
    Integer,
    Select,
    String,
    Table,
    any_,
    bindparam,
    func,
    select,
    text,
    type_coerce,
    update,
)

from storage.bulk import insert_rows
from storage.errors import StudyNotFound
from storage.frozen import TrialRows, parse_distribution
from storage.optuna_schema import (
    studies,
    trial_intermediate_values,
    trial_params,
    trial_system_attributes,
    trial_user_attributes,
    trial_values,
    trials,
)

_STATES = {state.name: state for state in TrialState}

_TRIAL = select(
    trials.c.trial_id,
    trials.c.number,
    type_coerce(trials.c.state, String),
    trials.c.datetime_start,
    trials.c.datetime_complete,
)


def _child(table: Table, *columns: Column[Any]) -> Select[Any]:
    plain = [type_coerce(c, String) if c.name.endswith("_type") else c for c in columns]
    return select(table.c.trial_id, *plain)


_P, _V, _I = trial_params.c, trial_values.c, trial_intermediate_values.c
_U, _S = trial_user_attributes.c, trial_system_attributes.c

# What hangs on a trial: the field of TrialRows, the table, how it is read.
_CHILDREN: tuple[tuple[str, Table, Select[Any]], ...] = (
    (
        "parameters",
        trial_params,
        # In the order in which they were suggested, as Optuna gives them.
        _child(trial_params, _P.param_name, _P.param_value, _P.distribution_json).order_by(
            _P.param_id
        ),
    ),
    ("values", trial_values, _child(trial_values, _V.objective, _V.value, _V.value_type)),
    (
        "user_attributes",
        trial_user_attributes,
        _child(trial_user_attributes, _U.key, _U.value_json),
    ),
    (
        "system_attributes",
        trial_system_attributes,
        _child(trial_system_attributes, _S.key, _S.value_json),
    ),
    (
        "intermediate_values",
        trial_intermediate_values,
        _child(
            trial_intermediate_values, _I.step, _I.intermediate_value, _I.intermediate_value_type
        ),
    ),
)

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


def read_study(connection: Connection, study_id: int) -> list[TrialRows]:
    """All trials of a study by number. Raises StudyNotFound."""
    require_study(connection, study_id)
    query = _TRIAL.where(trials.c.study_id == study_id).order_by(trials.c.trial_id)
    found = _rows(connection.execute(query))
    for field, table, child in _CHILDREN:
        joined = child.join(trials, trials.c.trial_id == table.c.trial_id)
        _attach(found, field, connection.execute(joined.where(trials.c.study_id == study_id)))
    return sorted(found.values(), key=lambda rows: rows.number)


def changed_query(
    connection: Connection, study_id: int, newest: int, unfinished: Sequence[int]
) -> Select[Any] | CompoundSelect[Any]:
    """What can have changed since trial `newest` was seen: later trials, and unfinished ones.

    The newest itself is read again, to notice a study that was deleted and made anew. Within a
    study ids rise in the order of commits, because whoever adds a trial locks the study.
    """
    # The sum keeps PostgreSQL from the index on study_id, which would read the whole study.
    later = (trials.c.trial_id >= newest) & (trials.c.study_id + 0 == study_id)
    if not unfinished:
        return _TRIAL.where(later)
    earlier = among(connection, trials.c.trial_id, [i for i in unfinished if i < newest])
    return _TRIAL.where(later).union_all(_TRIAL.where(earlier))


def read_changed(
    connection: Connection, study_id: int, newest: int, unfinished: Sequence[int]
) -> list[TrialRows]:
    """The trials of changed_query, whole, by id."""
    found = _rows(connection.execute(changed_query(connection, study_id, newest, unfinished)))
    _attach_children(connection, found)
    return sorted(found.values(), key=lambda rows: rows.trial_id)


def read_trials(connection: Connection, trial_ids: Iterable[int]) -> list[TrialRows]:
    """The trials with these ids, by id; those that are not there are left out."""
    found = _rows(connection.execute(_TRIAL.where(among(connection, trials.c.trial_id, trial_ids))))
    _attach_children(connection, found)
    return list(found.values())


def require_study(connection: Connection, study_id: int, *, lock: bool = False) -> str:
    """The study's name. Raises StudyNotFound.

    lock takes the lock under which Optuna, too, gives numbers to trials.
    """
    query = select(studies.c.study_name).where(studies.c.study_id == study_id)
    name: str | None = connection.scalar(query.with_for_update() if lock else query)
    if name is None:
        raise StudyNotFound(
            f"number {study_id}", list(connection.scalars(select(studies.c.study_name)))
        )
    return name


def locked_states(connection: Connection, trial_ids: Sequence[int]) -> dict[int, TrialState]:
    """The states of these trials, which stay so until the transaction ends."""
    query = select(trials.c.trial_id, type_coerce(trials.c.state, String))
    query = query.where(among(connection, trials.c.trial_id, trial_ids)).order_by(trials.c.trial_id)
    rows = connection.execute(query.with_for_update())
    return {trial_id: _STATES[state] for trial_id, state in rows}


def among(connection: Connection, column: Column[int], ids: Iterable[int]) -> ColumnElement[bool]:
    """Whether the column is one of ids, sent as one value however many there are."""
    if connection.dialect.name == "sqlite":
        listed = func.json_each(json.dumps(sorted(ids))).table_valued("value")
        return column.in_(select(listed.c.value))
    return column == any_(bindparam(None, sorted(ids), ARRAY(Integer)))


def next_number(connection: Connection, study_id: int, newest: int | None) -> int:
    """One more than the highest number after trial `newest`; 0 for a study without trials."""
    highest = select(func.max(trials.c.number))
    if newest is not None:
        later = highest.where(trials.c.trial_id >= newest, trials.c.study_id + 0 == study_id)
        found: int | None = connection.scalar(later)
        if found is not None:
            return found + 1
        # Not even the newest is there: the study was deleted and made anew.
    found = connection.scalar(highest.where(trials.c.study_id == study_id))
    return 0 if found is None else found + 1


def new_trial_ids(connection: Connection, count: int) -> list[int]:
    """Ids for new trials, rising; on SQLite good for this transaction only."""
    if connection.dialect.name == "sqlite":
        first = (connection.scalar(select(func.max(trials.c.trial_id))) or 0) + 1
        return list(range(first, first + count))
    sequence = "SELECT nextval(pg_get_serial_sequence('trials', 'trial_id')) "
    drawn = text(sequence + "FROM generate_series(1, :count)")
    return sorted(connection.scalars(drawn, {"count": count}))


def insert_trials(connection: Connection, study_id: int, batch: Sequence[TrialRows]) -> None:
    """Insert new trials with all their rows."""
    columns = ("trial_id", "number", "study_id", "state", "datetime_start", "datetime_complete")
    heads = [(r.trial_id, r.number, study_id, r.state.name, r.started, r.completed) for r in batch]
    insert_rows(connection, trials, columns, heads)
    for field in _WRITTEN:
        write_children(connection, field, batch, replace=False)


def write_children(
    connection: Connection, field: str, batch: Sequence[TrialRows], *, replace: bool = True
) -> None:
    """Insert the rows of one field of TrialRows; replace takes the place of equal keys."""
    table, columns, key = _WRITTEN[field]
    rows = [(trial.trial_id, *row) for trial in batch for row in getattr(trial, field)]
    insert_rows(connection, table, columns, rows, key if replace else ())


def set_states(
    connection: Connection, changes: Sequence[tuple[int, TrialState, Mapping[str, datetime | None]]]
) -> None:
    """Set state and times of trials; the keys of the times are columns of `trials`, all alike."""
    if changes:
        rows = [{"id": i, "new_state": state.name, **times} for i, state, times in changes]
        connection.execute(_SET_STATE[frozenset(changes[0][2])], rows)


_TIMES = ("datetime_start", "datetime_complete")
_SET_STATE = {
    frozenset(names): update(trials)
    .where(trials.c.trial_id == bindparam("id"))
    .values({"state": bindparam("new_state"), **{name: bindparam(name) for name in names}})
    for names in ((), _TIMES[:1], _TIMES[1:], _TIMES)
}


def first_distribution(
    connection: Connection, study_id: int, parameter: str
) -> BaseDistribution | None:
    """The distribution of some trial of the study that has this parameter; None where none has."""
    query = (
        select(trial_params.c.distribution_json)
        .join(trials, trials.c.trial_id == trial_params.c.trial_id)
        .where(trials.c.study_id == study_id, trial_params.c.param_name == parameter)
        .limit(1)
    )
    found = connection.scalar(query)
    return None if found is None else parse_distribution(found)


def find_trials(connection: Connection, *conditions: ColumnElement[bool]) -> list[tuple[int, int]]:
    """Study and id of the trials for which the conditions hold."""
    query = select(trials.c.study_id, trials.c.trial_id).where(*conditions)
    return [(row.study_id, row.trial_id) for row in connection.execute(query)]


def _rows(heads: Iterable[Any]) -> dict[int, TrialRows]:
    return {
        trial_id: TrialRows(trial_id, number, _STATES[state], started, completed)
        for trial_id, number, state, started, completed in heads
    }


def _attach_children(connection: Connection, found: dict[int, TrialRows]) -> None:
    if found:
        for field, table, child in _CHILDREN:
            query = child.where(among(connection, table.c.trial_id, found))
            _attach(found, field, connection.execute(query))


def _attach(found: dict[int, TrialRows], field: str, rows: CursorResult[Any]) -> None:
    # Lists by trial first: a study has hundreds of thousands of these rows.
    lists = {trial_id: getattr(trial, field) for trial_id, trial in found.items()}
    for row in rows.all():
        lists[row[0]].append(row[1:])
