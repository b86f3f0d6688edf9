"""The steps of a study from one status to another; storage.tables.status draws them."""

from typing import Any

from sqlalchemy import Connection, Row, select, update

from storage.database.engine import Database
from storage.errors import StatusRefused
from storage.studies.leases import Lease, database_now, fence, is_held
from storage.studies.names import missing_study
from storage.tables.schema import study_runs
from storage.tables.status import ENDED, TRANSITIONS, RunStatus


def set_status(
    database: Database, lease: Lease, status: RunStatus, error: str | None = None
) -> None:
    """Take a step of storage.tables.status; error says why. Raises LeaseLost, StatusRefused."""
    with database.write() as connection:
        take_step(connection, fence(connection, lease), status, error)


def request_stop(database: Database, name: str) -> RunStatus:
    """Ask whoever works on the study to stop, from any host; returns the status that it now has.

    A study that is only queued stops at once, and so does one of which the lease has run out; one
    that has ended stays as it is. Raises StudyNotFound, StudyWithoutRun.
    """
    with database.write() as connection:
        query = select(study_runs).where(study_runs.c.study == name).with_for_update()
        run = connection.execute(query).one_or_none()
        if run is None:
            raise missing_study(connection, name)
        match RunStatus(run.status):
            case RunStatus.QUEUED:
                status = RunStatus.STOPPED
            case RunStatus.RUNNING | RunStatus.STOPPING if not is_held(connection, run):
                status = RunStatus.STOPPED
            case RunStatus.RUNNING:
                status = RunStatus.STOPPING
            case unchanged:
                return unchanged
        take_step(connection, run, status)
        return status


def take_step(
    connection: Connection, run: Row[Any], status: RunStatus, error: str | None = None
) -> None:
    """Change a locked run's status inside the caller's transaction. Raises StatusRefused."""
    if status not in TRANSITIONS[RunStatus(run.status)]:
        raise StatusRefused(f"study {run.study!r} is {run.status} and cannot become {status.value}")
    now = database_now(connection)
    values: dict[str, Any] = {
        "status": status.value,
        "error": error,
        "finished_at": now if status in ENDED else None,
    }
    if status in ENDED:  # it wants nothing of its cluster, though its lease is held for a moment
        values |= {"cluster": None, "slots_wanted": 0}
    if status is RunStatus.RUNNING and run.started_at is None:
        values["started_at"] = now
    own = study_runs.c.study_id == run.study_id
    connection.execute(update(study_runs).where(own).values(values))
