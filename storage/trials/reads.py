"""Optuna's trials read from the database, inside the caller's transaction."""

from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import Connection, CursorResult

from storage.studies.optuna_studies import require_study
from storage.trials.conversion import TrialRows
from storage.trials.statements import (
    CHILDREN_OF_STUDY,
    STUDY_OF_TRIAL,
    TRIALS_OF_STUDY,
    WAITING_OF_STUDY,
    as_ids,
    statements,
)

_STATES = {state.name: state for state in TrialState}


def read_study(connection: Connection, study_id: int) -> list[TrialRows]:
    """All trials of a study by number. Raises StudyNotFound."""
    require_study(connection, study_id)
    study = {"study": study_id}
    found = _childless(connection.execute(TRIALS_OF_STUDY, study))
    _attach(found, connection.execute(CHILDREN_OF_STUDY, study))
    return sorted(found.values(), key=lambda rows: rows.number)


def read_changed(
    connection: Connection, study_id: int, newest: int, unfinished: Collection[int]
) -> list[TrialRows]:
    """The trials that can have changed, by id: see storage.trials.statements.

    All are whole but the newest where it is not among the unfinished: that one has no child rows.
    """
    earlier = as_ids(connection, (i for i in unfinished if i < newest))
    query = statements(connection.dialect.name).changed
    place = {"study": study_id, "newest": newest, "ids": earlier}
    found = _childless(connection.execute(query, place))
    changing = found
    if newest not in unfinished:
        changing = {trial_id: rows for trial_id, rows in found.items() if trial_id != newest}
    _attach_children(connection, changing)
    return sorted(found.values(), key=lambda rows: rows.trial_id)


def read_trials(connection: Connection, trial_ids: Iterable[int]) -> list[TrialRows]:
    """The trials with these ids; those that are not there are left out."""
    query = statements(connection.dialect.name).trials
    found = _childless(connection.execute(query, {"ids": as_ids(connection, trial_ids)}))
    _attach_children(connection, found)
    return list(found.values())


def lock_trials(connection: Connection, trial_ids: Sequence[int]) -> dict[int, TrialRows]:
    """These trials by id, locked until the transaction ends, without their child rows."""
    query = statements(connection.dialect.name).locked
    return _childless(connection.execute(query, {"ids": as_ids(connection, trial_ids)}))


def trials_with_reports(connection: Connection, trial_ids: Sequence[int]) -> set[int]:
    """Those of the trials that have child rows other than parameters."""
    query = statements(connection.dialect.name).with_reports
    return set(connection.scalars(query, {"ids": as_ids(connection, trial_ids)}))


def has_waiting(connection: Connection, study_id: int) -> bool:
    """Whether some trial of the study is WAITING."""
    return connection.scalar(WAITING_OF_STUDY, {"study": study_id}) is not None


def study_of_trial(connection: Connection, trial_id: int) -> int | None:
    """The id of the study that a trial belongs to; None where there is no such trial."""
    study_id: int | None = connection.scalar(STUDY_OF_TRIAL, {"trial": trial_id})
    return study_id


def _childless(rows: Iterable[Any]) -> dict[int, TrialRows]:
    return {
        trial_id: TrialRows(trial_id, number, _STATES[state], started, completed)
        for trial_id, number, state, started, completed in rows
    }


def _attach_children(connection: Connection, found: dict[int, TrialRows]) -> None:
    if found:
        query = statements(connection.dialect.name).children
        _attach(found, connection.execute(query, {"ids": as_ids(connection, found)}))


def _attach(found: dict[int, TrialRows], rows: CursorResult[Any]) -> None:
    """Give every trial its child rows."""
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
