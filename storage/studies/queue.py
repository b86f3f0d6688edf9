"""The queue of studies that services run: joined, claimed, joined again, and given up.

                enqueue            claim_next
    (a person) ────────► queued ───────────────► running
                            ▲                       │
                            ├──── requeue ──────────┤  its service leaves
                            └──── record_crash, ────┘  its coordinator died: it waits before it
                                  requeue_abandoned    is tried again, and fails in the end

Only studies that are `detached` are in it: whoever launches a study in the foreground keeps it.
Each function is one transaction. Who claims locks the row that it takes and skips rows that others
have locked, so that no study is given to two.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select, update

from storage.database.engine import Database
from storage.errors import LeaseHeld
from storage.owners import Owner
from storage.studies.crashes import Crashes, after_crash
from storage.studies.leases import Lease, acquire_within, database_now, fence, is_held
from storage.studies.names import missing_study
from storage.studies.queue_positions import end_of_queue
from storage.studies.transitions import take_step
from storage.tables.optuna_schema import trials
from storage.tables.schema import study_runs
from storage.tables.status import RunStatus

_WORKED_ON = (RunStatus.RUNNING.value, RunStatus.STOPPING.value)
_ENDED_TRIALS = ("COMPLETE", "PRUNED", "FAIL")
_NOT_HELD = {"owner": None, "lease_expires_at": None}
_NO_CRASHES = {"crashes": 0, "trials_at_crash": 0, "claim_after": None}


def enqueue(
    database: Database,
    study: str,
    specification: Mapping[str, Any],
    sha256: str,
    *,
    dead: Owner | None = None,
) -> None:
    """Put a study at the end of the queue, with this specification, as for a larger budget.

    dead is an owner whose process is known to have ended: its lease does not count.
    Raises LeaseHeld while a coordinator works on it, StatusRefused, StudyNotFound,
    StudyWithoutRun.
    """
    with database.write() as connection:
        run = _locked(connection, study)
        holder = Owner.parse(run.owner) if run.owner else None
        if holder is not None and holder != dead and is_held(connection, run):
            left = (run.lease_expires_at - database_now(connection)).total_seconds()
            raise LeaseHeld(study, holder, run.lease_expires_at, left)
        take_step(connection, run, RunStatus.QUEUED)
        written = {"specification": dict(specification), "specification_sha256": sha256}
        queued = {"detached": True, "queued_at": end_of_queue(connection)}
        _write(connection, run.study_id, written | queued | _NOT_HELD | _NO_CRASHES)


def remove_from_queue(database: Database, lease: Lease) -> None:
    """Keep services from the study, which the holder of the lease runs itself. Raises LeaseLost."""
    with database.write() as connection:
        fence(connection, lease)
        _write(connection, lease.study_id, {"detached": False, "queued_at": None, **_NO_CRASHES})


def claim_next(database: Database, owner: Owner, seconds: float) -> Lease | None:
    """The lease on the study that has been in the queue for longest, now running; None: there is
    none whose time has come."""
    with database.write() as connection:
        run = connection.execute(claim_query(database_now(connection))).first()
        if run is None:
            return None
        take_step(connection, run, RunStatus.RUNNING)
        return acquire_within(connection, run, owner, seconds)


def claim_query(now: Any) -> Select[Any]:
    """The run that is to be claimed next, locked; rows that others have locked are not waited for.

    Without the specification: a service reads it in a process of its own.
    """
    columns = [column for column in study_runs.c if column.name != "specification"]
    due = or_(study_runs.c.claim_after.is_(None), study_runs.c.claim_after <= now)
    queued = select(*columns).where(
        study_runs.c.status == RunStatus.QUEUED.value, study_runs.c.detached, due
    )
    oldest = queued.order_by(study_runs.c.queued_at, study_runs.c.study_id).limit(1)
    return oldest.with_for_update(skip_locked=True)


def transfer_lease(database: Database, lease: Lease, owner: Owner) -> Lease:
    """The lease with another owner and a new epoch, for its seconds from now. Raises LeaseLost."""
    with database.write() as connection:
        return acquire_within(connection, fence(connection, lease), owner, lease.seconds)


def requeue(
    database: Database, lease: Lease, *, reason: str | None = None, delay: float = 0.0
) -> RunStatus:
    """Release the lease, and put the study into the queue, not to be claimed for `delay` seconds.

    A study that was asked to stop is stopped; one that has ended stays so. Returns the status that
    it now has. Raises LeaseLost.
    """
    with database.write() as connection:
        run = fence(connection, lease)
        status = RunStatus(run.status)
        values: dict[str, Any] = dict(_NOT_HELD)
        if status is RunStatus.STOPPING:
            status = RunStatus.STOPPED
            take_step(connection, run, status)
        elif status is RunStatus.RUNNING:
            status = RunStatus.QUEUED
            take_step(connection, run, status, reason)
            values["claim_after"] = database_now(connection) + timedelta(seconds=delay)
        _write(connection, lease.study_id, values)
        return status


def record_crash(database: Database, lease: Lease, reason: str) -> RunStatus:
    """The holder of the lease died, or could not go on, for this reason: try the study again
    later, or fail it where that has happened too often. Returns the status that it now has.

    Raises LeaseLost.
    """
    with database.write() as connection:
        fence(connection, lease)
        return _recover(connection, _locked_by_id(connection, lease.study_id), reason)


def requeue_abandoned(
    database: Database, dead: Collection[Owner] = ()
) -> list[tuple[str, RunStatus]]:
    """Requeue studies without a living coordinator; returns their names with their new status.

    That is, studies whose lease has run out, or is that of an owner in `dead`, whose process is
    known to have ended.
    """
    with database.write() as connection:
        now = database_now(connection)
        columns = [column for column in study_runs.c if column.name != "specification"]
        lost = or_(
            study_runs.c.owner.is_(None),
            study_runs.c.lease_expires_at <= now,
            study_runs.c.owner.in_([owner.stored for owner in dead]),
        )
        query = select(*columns).where(
            study_runs.c.status.in_(_WORKED_ON), study_runs.c.detached, lost
        )
        runs = connection.execute(query.with_for_update(skip_locked=True)).all()
        return [(run.study, _recover(connection, run, _crash_of(run))) for run in runs]


def lease_owners(database: Database) -> list[Owner]:
    """Who holds the studies that services run, whether or not their leases have run out."""
    query = select(study_runs.c.owner).where(
        study_runs.c.status.in_(_WORKED_ON), study_runs.c.detached, study_runs.c.owner.is_not(None)
    )
    with database.read() as connection:
        return [Owner.parse(stored) for stored in connection.scalars(query)]


def _crash_of(run: Row[Any]) -> str:
    owner = Owner.parse(run.owner) if run.owner else "nobody"
    return f"its coordinator, {owner}, fell silent"


def _recover(connection: Connection, run: Row[Any], reason: str) -> RunStatus:
    if run.status not in _WORKED_ON:
        _write(connection, run.study_id, _NOT_HELD)
        return RunStatus(run.status)
    if run.status == RunStatus.STOPPING.value:
        take_step(connection, run, RunStatus.STOPPED)
        _write(connection, run.study_id, _NOT_HELD)
        return RunStatus.STOPPED
    ended = connection.scalar(
        select(func.count()).where(
            trials.c.study_id == run.study_id, trials.c.state.in_(_ENDED_TRIALS)
        )
    )
    crashes, delay = after_crash(Crashes(run.crashes, run.trials_at_crash), ended or 0)
    status = RunStatus.FAILED if delay is None else RunStatus.QUEUED
    many = f"{crashes.count} time{'s' * (crashes.count > 1)} without a finished trial in between"
    take_step(connection, run, status, f"{reason} ({many})")
    later = None if delay is None else database_now(connection) + timedelta(seconds=delay)
    counted = {"crashes": crashes.count, "trials_at_crash": crashes.trials, "claim_after": later}
    _write(connection, run.study_id, counted | _NOT_HELD)
    return status


def _locked(connection: Connection, study: str) -> Row[Any]:
    query = select(study_runs).where(study_runs.c.study == study).with_for_update()
    run = connection.execute(query).one_or_none()
    if run is None:
        raise missing_study(connection, study)
    return run


def _locked_by_id(connection: Connection, study_id: int) -> Row[Any]:
    columns = [column for column in study_runs.c if column.name != "specification"]
    query = select(*columns).where(study_runs.c.study_id == study_id).with_for_update()
    return connection.execute(query).one()


def _write(connection: Connection, study_id: int, values: Mapping[str, Any]) -> None:
    own = study_runs.c.study_id == study_id
    connection.execute(update(study_runs).where(own).values(values))
