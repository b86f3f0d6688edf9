"""How many slots of a cluster each of the studies could use that are trained on it."""

from dataclasses import dataclass

from sqlalchemy import or_, select, update

from storage.database.engine import Database
from storage.errors import LeaseLost
from storage.studies.leases import Lease, database_now, fence
from storage.tables.schema import study_runs
from storage.tables.status import ENDED, RunStatus

# One that has ended and is held nevertheless has trials that are being confirmed.
_WORKED_ON = tuple(status.value for status in {RunStatus.RUNNING, RunStatus.STOPPING} | ENDED)

ALL_SLOTS = 2**31 - 1
"""The demand of a study that has begun and has not written yet where it is trained."""


@dataclass(frozen=True, slots=True)
class ClusterDemand:
    """The study's own status, and how many slots each other study on its cluster could use."""

    status: RunStatus
    wanted_by_others: tuple[int, ...]


def write_demand(database: Database, lease: Lease, cluster: str | None, slots_wanted: int) -> None:
    """Record on which cluster the study is trained and how many slots it could use there.

    cluster is None for slots that it shares with nobody. Raises LeaseLost.
    """
    with database.write() as connection:
        fence(connection, lease)
        values = {"cluster": cluster, "slots_wanted": slots_wanted}
        own = study_runs.c.study_id == lease.study_id
        connection.execute(update(study_runs).where(own).values(values))


def read_demand(database: Database, lease: Lease, cluster: str | None) -> ClusterDemand:
    """The demand of the others now; none where cluster is None. Raises LeaseLost where the study is
    no longer there."""
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
            wanted = [ALL_SLOTS if n is None else n for n in connection.scalars(query)]
        return ClusterDemand(RunStatus(status), tuple(wanted))
