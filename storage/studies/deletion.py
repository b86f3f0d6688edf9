"""Deleting and renaming a study, in Optuna's tables and ours together.

A study is named by its name, or by Optuna's id of it, which stays when it is renamed.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import IntegrityError

from storage.database.engine import Database
from storage.errors import LeaseHeld, StudyExists, StudyNotFound
from storage.owners import Owner
from storage.studies.leases import database_now
from storage.studies.optuna_studies import all_study_names, study_id_of
from storage.tables.optuna_schema import STUDY_CHILDREN, TRIAL_CHILDREN, studies, trials
from storage.tables.schema import MEASUREMENT_TABLES, STUDY_TABLES, results, study_runs


def delete_study(database: Database, study: str | int) -> None:
    """Delete a study with everything that was ever recorded of it.

    Also a study that only Optuna knows. Raises StudyNotFound, and LeaseHeld while a coordinator
    works on it.
    """
    with database.write() as connection:
        delete_study_rows(connection, _lock_free_study(connection, study).study_id)


def rename_study(database: Database, study: str | int, new: str) -> int:
    """Give a study another name; its id, trials and measurements stay. Returns the id.

    Also a study that only Optuna knows. A coordinator that was paused, and comes back, gets
    LeaseLost: it would write under the old name.
    Raises StudyNotFound, StudyExists, and LeaseHeld while a coordinator works on it.
    """
    with database.write() as connection:
        free = _lock_free_study(connection, study)
        if new == free.name:
            return free.study_id
        if study_id_of(connection, new) is not None:
            raise StudyExists(new)
        own = studies.c.study_id == free.study_id
        try:
            connection.execute(update(studies).where(own).values(study_name=new))
        except IntegrityError:  # someone was faster by a moment
            raise StudyExists(new) from None
        _rename_ours(connection, free, new)
        return free.study_id


def _rename_ours(connection: Connection, free: "_FreeStudy", new: str) -> None:
    values: dict[str, Any] = {"study": new, "lease_epoch": study_runs.c.lease_epoch + 1}
    values |= {"owner": None, "lease_expires_at": None}
    if isinstance(free.specification, Mapping):
        values["specification"] = {**free.specification, "name": new}
    own = study_runs.c.study_id == free.study_id
    connection.execute(update(study_runs).where(own).values(values))
    connection.execute(update(results).where(results.c.study == free.name).values(study=new))


def delete_study_rows(connection: Connection, study_id: int) -> None:
    """Delete a study's rows from all tables, inside the caller's transaction."""
    of_study = select(trials.c.trial_id).where(trials.c.study_id == study_id)
    for table in (*MEASUREMENT_TABLES, results, *TRIAL_CHILDREN):
        connection.execute(delete(table).where(table.c.trial_id.in_(of_study)))
    for table in (trials, *STUDY_TABLES, *STUDY_CHILDREN, studies):
        connection.execute(delete(table).where(table.c.study_id == study_id))


class _FreeStudy(NamedTuple):
    """A study without a lease, its rows locked; specification is None where only Optuna knows
    it."""

    study_id: int
    name: str
    specification: Any


def _lock_free_study(connection: Connection, study: str | int) -> _FreeStudy:
    # The run's row first, as every coordinator locks them.
    study_id = study if isinstance(study, int) else study_id_of(connection, study)
    own_run = select(study_runs).where(study_runs.c.study_id == study_id).with_for_update()
    run = connection.execute(own_run).one_or_none()
    own = select(studies.c.study_name).where(studies.c.study_id == study_id).with_for_update()
    name = connection.scalar(own)
    if (
        study_id is None or name is None or study not in (name, study_id)
    ):  # or someone was faster by a moment
        missing = study if isinstance(study, str) else f"number {study}"
        raise StudyNotFound(missing, all_study_names(connection))
    if run is not None and run.owner is not None:
        left = (run.lease_expires_at - database_now(connection)).total_seconds()
        if left > 0:
            raise LeaseHeld(name, Owner.parse(run.owner), run.lease_expires_at, left)
    return _FreeStudy(study_id, name, None if run is None else run.specification)
