"""What studies that share a cluster know of each other: how many of its slots each could use."""

from dataclasses import dataclass

from sqlalchemy import or_, select, update

from storage.database.engine import Database
from storage.errors import LeaseLost
from storage.studies.leases import Lease, database_now, fence
from storage.tables.schema import study_runs
from storage.tables.status import RunStatus

_WORKED_ON = (RunStatus.RUNNING.value, RunStatus.STOPPING.value)


EVERYTHING = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Heard:
    """The study's own status, and the slots that each other study on its cluster could use:
    EVERYTHING for one that has begun and not said yet where it will be trained."""

    status: RunStatus
    wanted_by_others: tuple[int, ...]


def announce(database: Database, lease: Lease, cluster: str | None, slots_wanted: int) -> None:
    """Say on which cluster the study is trained and how many slots it could use there; None: on
    slots that it shares with nobody. Raises LeaseLost."""
    with database.write() as connection:
        fence(connection, lease)
        values = {"cluster": cluster, "slots_wanted": slots_wanted}
        own = study_runs.c.study_id == lease.study_id
        connection.execute(update(study_runs).where(own).values(values))


def listen(database: Database, lease: Lease, cluster: str | None) -> Heard:
    """What the database says now. Raises LeaseLost where the study is no longer there."""
    with database.read() as connection:
        own = study_runs.c.study_id == lease.study_id
        status = connection.scalar(select(study_runs.c.status).where(own))
        if status is None:
            raise LeaseLost(lease.study, None)
        wanted: list[int] = []
        if cluster is not None:
            here = or_(study_runs.c.cluster == cluster, study_runs.c.slots_wanted.is_(None))
            query = select(study_runs.c.slots_wanted).where(
                study_runs.c.status.in_(_WORKED_ON),
                study_runs.c.lease_expires_at > database_now(connection),
                study_runs.c.study_id != lease.study_id,
                here,
            )
            told = connection.scalars(query)
            wanted = [EVERYTHING if slots is None else slots for slots in told]
        return Heard(RunStatus(status), tuple(wanted))
