"""Places in the services' queue: whoever joins it later is further behind."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from storage.database.engine import Database
from storage.studies.leases import database_now
from storage.tables.schema import study_runs
from storage.tables.status import RunStatus

_NEXT = timedelta(microseconds=1)


def end_of_queue(connection: Connection) -> datetime:
    """The moment that a study which joins the queue now has as its `queued_at`.

    The database's clock, but behind everybody who has a place: SQLite's clock ticks in
    milliseconds, in which several may join, and any clock may be set back.
    """
    last = connection.scalar(select(func.max(study_runs.c.queued_at)))
    now = database_now(connection)
    return now if last is None else max(now, last + _NEXT)


def queue_position(database: Database, queued_at: datetime) -> int:
    """How many studies in the queue are before the one with this `queued_at`."""
    query = select(func.count()).where(
        study_runs.c.status == RunStatus.QUEUED.value,
        study_runs.c.detached,
        study_runs.c.queued_at < queued_at,
    )
    with database.read() as connection:
        return connection.scalar(query) or 0
