"""SQL that reads Optuna's trials, inside the caller's transaction.

Statements are written once. Any number of ids goes to the database as one value: a JSON array on
SQLite, an array on PostgreSQL.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.trial import TrialState
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    Connection,
    CursorResult,
    Double,
    Integer,
    Select,
    String,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    type_coerce,
    union_all,
)

from storage.errors import StudyNotFound
from storage.tables.optuna_schema import (
    studies,
    trial_intermediate_values,
    trial_params,
    trial_system_attributes,
    trial_user_attributes,
    trial_values,
    trials,
)
from storage.trials.conversion import TrialRows, parse_distribution

_STATES = {state.name: state for state in TrialState}
_STATE = type_coerce(trials.c.state, String)
_P, _V, _I = trial_params.c, trial_values.c, trial_intermediate_values.c
_U, _S = trial_user_attributes.c, trial_system_attributes.c

_TRIAL = select(
    trials.c.trial_id,
    trials.c.number,
    _STATE,
    trials.c.datetime_start,
    trials.c.datetime_complete,
)
_OF_STUDY = trials.c.study_id == bindparam("study")

_NO_TEXT, _NO_NUMBER = cast(null(), Text), cast(null(), Double)

# What hangs on a trial, all in one shape, so that one statement reads it: the field of TrialRows,
# the trial, a name, a number, a text, a place.
_CHILDREN: tuple[Select[Any], ...] = (
    select(
        literal_column("'parameters'").label("field"),
        *(_P.trial_id, _P.param_name, _P.param_value, _P.distribution_json, _P.param_id),
    ),
    select(
        literal_column("'values'"),
        *(_V.trial_id, _NO_TEXT, _V.value, cast(_V.value_type, Text), _V.objective),
    ),
    select(
        literal_column("'intermediate_values'"),
        *(_I.trial_id, _NO_TEXT, _I.intermediate_value),
        *(cast(_I.intermediate_value_type, Text), _I.step),
    ),
    select(
        literal_column("'user_attributes'"),
        *(_U.trial_id, _U.key, _NO_NUMBER, _U.value_json, _U.trial_user_attribute_id),
    ),
    select(
        literal_column("'system_attributes'"),
        *(_S.trial_id, _S.key, _NO_NUMBER, _S.value_json, _S.trial_system_attribute_id),
    ),
)
_CHILDREN_OF_STUDY = union_all(
    *(
        child.join(trials, trials.c.trial_id == child.selected_columns.trial_id).where(_OF_STUDY)
        for child in _CHILDREN
    )
)

_STUDY_NAME = select(studies.c.study_name).where(studies.c.study_id == bindparam("study"))
_STUDY_NAME_LOCKED = _STUDY_NAME.with_for_update()
_WAITING = (
    select(trials.c.trial_id).where(_OF_STUDY, trials.c.state == TrialState.WAITING.name).limit(1)
)
_STUDY_OF_TRIAL = select(trials.c.study_id).where(trials.c.trial_id == bindparam("trial"))
_DISTRIBUTION = (
    select(_P.distribution_json)
    .join(trials, trials.c.trial_id == _P.trial_id)
    .where(_OF_STUDY, _P.param_name == bindparam("name"))
    .limit(1)
)


class Statements(NamedTuple):
    """The statements that a kind of database reads trials by ids with."""

    trials: Select[Any]
    locked: Select[Any]
    children: CompoundSelect[Any]
    reported: CompoundSelect[Any]
    changed: CompoundSelect[Any]


@cache
def statements(dialect: str) -> Statements:
    """changed: what can have changed since the trial :newest was seen, and the newest itself.

    That is the study's later trials, and the unfinished ones among :ids. Within a study ids rise
    in the order of commits, because whoever adds a trial locks the study.
    """
    later = _TRIAL.where(
        trials.c.trial_id >= bindparam("newest"),
        # The sum keeps PostgreSQL from the index on study_id, which would read the whole study.
        trials.c.study_id + 0 == bindparam("study"),
    )
    by_id = _TRIAL.where(_among(trials.c.trial_id, dialect))
    return Statements(
        by_id,
        by_id.order_by(trials.c.trial_id).with_for_update(),
        union_all(*(c.where(_among(c.selected_columns.trial_id, dialect)) for c in _CHILDREN)),
        union_all(
            *(
                c.with_only_columns(c.selected_columns.trial_id).where(
                    _among(c.selected_columns.trial_id, dialect)
                )
                for c in _CHILDREN[1:]  # all but parameters
            )
        ),
        later.union_all(by_id),
    )


def _among(column: ColumnElement[Any], dialect: str) -> ColumnElement[bool]:
    if dialect == "sqlite":
        return column.in_(select(func.json_each(bindparam("ids")).table_valued("value").c.value))
    return column == any_(bindparam("ids", type_=ARRAY(Integer)))


def _as_ids(connection: Connection, ids: Iterable[int]) -> str | list[int]:
    return json.dumps(list(ids)) if connection.dialect.name == "sqlite" else list(ids)


def read_study(connection: Connection, study_id: int) -> list[TrialRows]:
    """All trials of a study by number. Raises StudyNotFound."""
    require_study(connection, study_id)
    study = {"study": study_id}
    found = _heads(connection.execute(_TRIAL.where(_OF_STUDY).order_by(trials.c.trial_id), study))
    _attach(found, connection.execute(_CHILDREN_OF_STUDY, study))
    return sorted(found.values(), key=lambda rows: rows.number)


def read_changed(
    connection: Connection, study_id: int, newest: int, unfinished: Collection[int]
) -> list[TrialRows]:
    """The trials that can have changed, by id: see statements.

    All are whole but the newest where it is not among the unfinished: nothing hangs on that one.
    """
    earlier = _as_ids(connection, (i for i in unfinished if i < newest))
    query = statements(connection.dialect.name).changed
    place = {"study": study_id, "newest": newest, "ids": earlier}
    found = _heads(connection.execute(query, place))
    changing = found
    if newest not in unfinished:
        changing = {trial_id: rows for trial_id, rows in found.items() if trial_id != newest}
    _attach_children(connection, changing)
    return sorted(found.values(), key=lambda rows: rows.trial_id)


def read_trials(connection: Connection, trial_ids: Iterable[int]) -> list[TrialRows]:
    """The trials with these ids; those that are not there are left out."""
    query = statements(connection.dialect.name).trials
    found = _heads(connection.execute(query, {"ids": _as_ids(connection, trial_ids)}))
    _attach_children(connection, found)
    return list(found.values())


def locked_trials(connection: Connection, trial_ids: Sequence[int]) -> dict[int, TrialRows]:
    """These trials by id, which stay so until the transaction ends; nothing hangs on them."""
    query = statements(connection.dialect.name).locked
    return _heads(connection.execute(query, {"ids": _as_ids(connection, trial_ids)}))


def trials_with_reports(connection: Connection, trial_ids: Sequence[int]) -> set[int]:
    """Those of the trials on which anything but parameters hangs."""
    query = statements(connection.dialect.name).reported
    return set(connection.scalars(query, {"ids": _as_ids(connection, trial_ids)}))


def require_study(connection: Connection, study_id: int, *, lock: bool = False) -> str:
    """The study's name. Raises StudyNotFound.

    lock takes the lock under which Optuna, too, gives numbers to trials.
    """
    query = _STUDY_NAME_LOCKED if lock else _STUDY_NAME
    name: str | None = connection.scalar(query, {"study": study_id})
    if name is None:
        known = connection.scalars(select(studies.c.study_name).order_by(studies.c.study_name))
        raise StudyNotFound(f"number {study_id}", list(known))
    return name


def has_waiting(connection: Connection, study_id: int) -> bool:
    """Whether some trial of the study waits."""
    return connection.scalar(_WAITING, {"study": study_id}) is not None


def study_of_trial(connection: Connection, trial_id: int) -> int | None:
    """The id of the study that a trial belongs to; None where there is no such trial."""
    study_id: int | None = connection.scalar(_STUDY_OF_TRIAL, {"trial": trial_id})
    return study_id


def first_distribution(
    connection: Connection, study_id: int, parameter: str
) -> BaseDistribution | None:
    """The distribution of some trial of the study that has this parameter; None where none has."""
    found = connection.scalar(_DISTRIBUTION, {"study": study_id, "name": parameter})
    return None if found is None else parse_distribution(found)


def _heads(heads: Iterable[Any]) -> dict[int, TrialRows]:
    return {
        trial_id: TrialRows(trial_id, number, _STATES[state], started, completed)
        for trial_id, number, state, started, completed in heads
    }


def _attach_children(connection: Connection, found: dict[int, TrialRows]) -> None:
    if found:
        query = statements(connection.dialect.name).children
        _attach(found, connection.execute(query, {"ids": _as_ids(connection, found)}))


def _attach(found: dict[int, TrialRows], rows: CursorResult[Any]) -> None:
    """Give every trial what hangs on it."""
    # A study has hundreds of thousands of these rows, and none of their values needs converting:
    # they are taken as the driver gives them.
    parameters: list[Any] = []
    for row in rows.cursor.fetchall() if rows.cursor else ():
        field, trial_id, name, number, content, place = row
        if field == "parameters":
            parameters.append((place, trial_id, (name, number, content)))
        elif name is None:
            getattr(found[trial_id], field).append((place, number, content))
        else:
            getattr(found[trial_id], field).append((name, content))
    rows.close()
    # In the order in which they were suggested, as Optuna gives them. Sorted here, because for
    # ORDER BY PostgreSQL may walk through the whole table in that order.
    parameters.sort(key=itemgetter(0))
    for _, trial_id, parameter in parameters:
        found[trial_id].parameters.append(parameter)
