"""Deleting and renaming a study, in Optuna's tables and ours together."""

from sqlalchemy import Connection, delete, select, update

from storage.engine import Database
from storage.errors import LeaseHeld, StudyExists, StudyNotFound
from storage.leases import database_now
from storage.optuna_schema import STUDY_CHILDREN, TRIAL_CHILDREN, studies, trials
from storage.owners import Owner
from storage.schema import MEASUREMENT_TABLES, STUDY_TABLES, results, study_runs


def delete_study(database: Database, name: str) -> None:
    """Delete the study called name with everything that was ever recorded of it.

    Also a study that only Optuna knows. Raises StudyNotFound, and LeaseHeld while a coordinator
    works on it.
    """
    with database.write() as connection:
        study_id = _free_study(connection, name)
        delete_study_rows(connection, study_id)


def rename_study(database: Database, old: str, new: str) -> None:
    """Give a study another name; its id, trials and measurements stay.

    Raises StudyNotFound, StudyExists, and LeaseHeld while a coordinator works on it.
    """
    with database.write() as connection:
        study_id = _free_study(connection, old)
        if new != old and _study_id(connection, new) is not None:
            raise StudyExists(new)
        own = studies.c.study_id == study_id
        connection.execute(update(studies).where(own).values(study_name=new))
        own = study_runs.c.study_id == study_id
        connection.execute(update(study_runs).where(own).values(study=new))
        connection.execute(update(results).where(results.c.study == old).values(study=new))


def delete_study_rows(connection: Connection, study_id: int) -> None:
    """Delete a study's rows from all tables, inside the caller's transaction."""
    of_study = select(trials.c.trial_id).where(trials.c.study_id == study_id)
    for table in (*MEASUREMENT_TABLES, results, *TRIAL_CHILDREN):
        connection.execute(delete(table).where(table.c.trial_id.in_(of_study)))
    for table in (trials, *STUDY_TABLES, *STUDY_CHILDREN, studies):
        connection.execute(delete(table).where(table.c.study_id == study_id))


def _study_id(connection: Connection, name: str) -> int | None:
    return connection.scalar(select(studies.c.study_id).where(studies.c.study_name == name))


def _free_study(connection: Connection, name: str) -> int:
    """The id of a study that nobody holds, locked."""
    study_id = _study_id(connection, name)
    if study_id is None:
        names = connection.scalars(select(studies.c.study_name).order_by(studies.c.study_name))
        raise StudyNotFound(name, list(names))
    query = select(study_runs).where(study_runs.c.study_id == study_id).with_for_update()
    run = connection.execute(query).one_or_none()
    if run is not None and run.owner is not None:
        left = (run.lease_expires_at - database_now(connection)).total_seconds()
        if left > 0:
            raise LeaseHeld(name, Owner.parse(run.owner), run.lease_expires_at, left)
    locked = select(studies.c.study_id).where(studies.c.study_id == study_id).with_for_update()
    connection.execute(locked)
    return study_id
