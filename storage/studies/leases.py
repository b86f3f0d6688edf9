"""The lease on a study: the time-limited right of one coordinator to write to it.

    free ──acquire──► held ──renew──► held ──release──► free
                        └──expired, or its process known dead──acquire by another──► held, epoch + 1

Time is the database's, so the clocks of hosts do not matter. A lease is a fence: the epoch rises
at every take-over, and every transaction that writes for a coordinator checks owner and epoch
while it holds the run's row locked (`fence`). A coordinator that was paused past its lease can
therefore wake up and write nothing. An expired lease that nobody took is still its owner's.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, type_coerce, update

from storage.database.engine import Database
from storage.errors import LeaseHeld, LeaseLost
from storage.owners import Owner
from storage.studies.names import missing_study
from storage.tables.schema import UtcDateTime, study_runs

_COLUMNS = study_runs.c
_RUN: Select[Any] = select(
    *(_COLUMNS.study_id, _COLUMNS.study, _COLUMNS.status, _COLUMNS.started_at),
    *(_COLUMNS.owner, _COLUMNS.lease_epoch, _COLUMNS.lease_expires_at),
)


@dataclass(frozen=True, slots=True)
class Lease:
    """One owner's right to one study until expires_at, by the database's clock.

    study is the name at the time of taking; study_id does not change when a study is renamed.
    taken_from is an owner who had not released it; None: it was free.
    """

    study: str
    study_id: int
    owner: Owner
    epoch: int
    seconds: float
    expires_at: datetime
    taken_from: Owner | None = None


def acquire_lease(
    database: Database,
    study: str,
    owner: Owner,
    seconds: float,
    *,
    force_from: Owner | None = None,
) -> Lease:
    """Take the study for `seconds`, with a new epoch.

    force_from takes it from that owner before the lease expires: only for an owner whose process
    is known to be dead. Raises LeaseHeld, StudyNotFound, StudyWithoutRun.
    """
    with database.write() as connection:
        run = _locked_run(connection, study_runs.c.study == study)
        if run is None:
            raise missing_study(connection, study)
        now = database_now(connection)
        holder = Owner.parse(run.owner) if run.owner else None
        if holder not in {None, owner, force_from} and run.lease_expires_at > now:
            left = (run.lease_expires_at - now).total_seconds()
            raise LeaseHeld(study, holder, run.lease_expires_at, left)
        return acquire_within(connection, run, owner, seconds)


def acquire_within(connection: Connection, run: Row[Any], owner: Owner, seconds: float) -> Lease:
    """Take a locked run inside the caller's transaction, who has seen that it may be taken."""
    expires_at = database_now(connection) + timedelta(seconds=seconds)
    holder = Owner.parse(run.owner) if run.owner else None
    lease = Lease(
        run.study,
        run.study_id,
        owner,
        run.lease_epoch + 1,
        seconds,
        expires_at,
        taken_from=None if holder == owner else holder,
    )
    # Nobody knows yet where it will be trained: see storage.studies.cluster_demand.
    _write(connection, lease, cluster=None, slots_wanted=None)
    return lease


def renew_lease(database: Database, lease: Lease) -> Lease:
    """The same lease, for its seconds from now on. Raises LeaseLost."""
    with database.write() as connection:
        fence(connection, lease)
        expires_at = database_now(connection) + timedelta(seconds=lease.seconds)
        renewed = replace(lease, expires_at=expires_at)
        _write(connection, renewed)
        return renewed


def release_lease(database: Database, lease: Lease) -> None:
    """Release the study; nothing happens if it is no longer the lease's."""
    with database.write() as connection:
        run = _locked_run(connection, study_runs.c.study_id == lease.study_id)
        if run is not None and _is_holder(run, lease):
            given_back = {"owner": None, "lease_expires_at": None}
            own = study_runs.c.study_id == lease.study_id
            connection.execute(update(study_runs).where(own).values(given_back))


def fence(connection: Connection, lease: Lease) -> Row[Any]:
    """Lock the run of the lease for this transaction, and return it.

    Raises LeaseLost unless owner and epoch are the lease's; until the transaction ends nobody can
    take the study over.
    """
    run = _locked_run(connection, study_runs.c.study_id == lease.study_id)
    if run is None:
        raise LeaseLost(lease.study, None)
    if not _is_holder(run, lease):
        raise LeaseLost(run.study, Owner.parse(run.owner) if run.owner else None)
    return run


def run_query(condition: ColumnElement[bool]) -> Select[Any]:
    """The run of which the condition holds, locked; on SQLite a writer is alone anyway."""
    return _RUN.where(condition).with_for_update()


def database_now(connection: Connection) -> datetime:
    """The database's clock, now: not when the statement or its transaction began."""
    if connection.dialect.name == "sqlite":
        clock = func.strftime("%Y-%m-%d %H:%M:%f", "now")
    else:
        clock = func.clock_timestamp()
    now: datetime = connection.execute(select(type_coerce(clock, UtcDateTime))).scalar_one()
    return now


def is_held(connection: Connection, run: Row[Any]) -> bool:
    """Whether somebody's lease on this run has not run out."""
    return run.owner is not None and run.lease_expires_at > database_now(connection)


def _is_holder(run: Row[Any], lease: Lease) -> bool:
    return bool(run.owner == lease.owner.stored and run.lease_epoch == lease.epoch)


def _locked_run(connection: Connection, condition: ColumnElement[bool]) -> Row[Any] | None:
    return connection.execute(run_query(condition)).one_or_none()


def _write(connection: Connection, lease: Lease, **others: Any) -> None:
    held = {
        **others,
        "owner": lease.owner.stored,
        "lease_epoch": lease.epoch,
        "lease_expires_at": lease.expires_at,
    }
    own = study_runs.c.study_id == lease.study_id
    connection.execute(update(study_runs).where(own).values(held))
