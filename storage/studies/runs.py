"""The runs of studies: what each one is, what it is doing, and how far it has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, Table, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from storage.database.attributes import attribute_rows
from storage.database.bulk import insert_rows
from storage.database.engine import Database
from storage.errors import StatusRefused, StudyExists
from storage.owners import Owner
from storage.studies.leases import Lease, database_now, fence, is_held
from storage.studies.names import known_names, missing_study, names_without_run
from storage.studies.queue_positions import end_of_queue
from storage.tables.optuna_schema import (
    studies,
    study_directions,
    study_system_attributes,
    study_user_attributes,
    trial_values,
    trials,
)
from storage.tables.schema import study_runs
from storage.tables.status import ENDED, TRANSITIONS, RunStatus

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True, slots=True)
class NewRun:
    """A study to be made. specification and versions must be JSON; attributes are Optuna's.

    data_sha256 is None where its data have not been read yet. detached: a service is to run it,
    and it joins the end of the queue.
    """

    study: str
    directions: Sequence[Direction]
    specification: Mapping[str, Any]
    specification_sha256: str
    data_sha256: str | None
    seed: int
    versions: Mapping[str, str] = field(default_factory=dict)
    user_attributes: Mapping[str, Any] = field(default_factory=dict)
    system_attributes: Mapping[str, Any] = field(default_factory=dict)
    status: RunStatus = RunStatus.QUEUED
    detached: bool = False


@dataclass(frozen=True, slots=True)
class StudyRun:
    """A study as the database has it. owner and lease_expires_at are None while nobody holds it.

    started_at is when a coordinator first began; finished_at when the last one ended, None while
    one is expected to work. data_sha256 is None until a coordinator has read the data. error says
    why the study failed, or what last went wrong while it waits to be tried again. detached:
    services run it, not the person who launched it; queued_at is when it was put in their queue,
    claim_after before when none of them tries it again. crashes counts the coordinators that died
    since a trial was last finished.
    """

    study: str
    study_id: int
    directions: tuple[Direction, ...]
    specification: dict[str, Any]
    specification_sha256: str
    data_sha256: str | None
    status: RunStatus
    owner: Owner | None
    lease_epoch: int
    lease_expires_at: datetime | None
    seed: int
    versions: dict[str, str]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    detached: bool
    queued_at: datetime | None
    claim_after: datetime | None
    crashes: int


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A study and how far it has come.

    trials counts by Optuna's state ("COMPLETE", "RUNNING", …; none is 0 absent); best_values holds
    the best finite value of each objective, None before the first.
    """

    run: StudyRun
    trials: dict[str, int]
    best_values: tuple[float | None, ...]


def create_run(database: Database, new: NewRun) -> StudyRun:
    """Make Optuna's study and our record of it in one transaction. Raises StudyExists."""
    with database.write() as connection:
        if connection.scalar(select(studies.c.study_id).where(studies.c.study_name == new.study)):
            raise StudyExists(new.study)
        try:
            study_id = insert_study(connection, new.study, [d.upper() for d in new.directions])
        except IntegrityError:  # someone was faster by a moment
            raise StudyExists(new.study) from None
        _insert_attributes(connection, study_user_attributes, study_id, new.user_attributes)
        _insert_attributes(connection, study_system_attributes, study_id, new.system_attributes)
        now = database_now(connection)
        row = {
            "study_id": study_id,
            "study": new.study,
            "specification": dict(new.specification),
            "specification_sha256": new.specification_sha256,
            "data_sha256": new.data_sha256,
            "status": new.status.value,
            "lease_epoch": 0,
            "seed": new.seed,
            "versions": dict(new.versions),
            "created_at": now,
            "started_at": now if new.status is RunStatus.RUNNING else None,
            "detached": new.detached,
            "queued_at": end_of_queue(connection) if new.detached else None,
        }
        connection.execute(insert(study_runs), row)
        return _read(connection, new.study)


def insert_study(connection: Connection, name: str, directions: Sequence[str]) -> int:
    """Insert Optuna's rows of a study; directions are "MINIMIZE" or "MAXIMIZE". Returns its id."""
    result = connection.execute(insert(studies), {"study_name": name})
    (study_id,) = result.inserted_primary_key or (0,)
    rows = [(study_id, objective, name) for objective, name in enumerate(directions)]
    insert_rows(connection, study_directions, ("study_id", "objective", "direction"), rows)
    return int(study_id)


def read_run(database: Database, name: str) -> StudyRun:
    """The run of the study called name. Raises StudyNotFound, StudyWithoutRun."""
    with database.read() as connection:
        return _read(connection, name)


def list_runs(database: Database) -> list[RunSummary]:
    """All runs, oldest first, with their trials by state and their best values."""
    with database.read() as connection:
        directions = _directions(connection)
        counts: dict[int, dict[str, int]] = {}
        columns = (trials.c.study_id, trials.c.state)
        for study_id, state, count in connection.execute(
            select(*columns, func.count()).group_by(*columns)
        ):
            counts.setdefault(study_id, {})[state] = count
        best = _best_values(connection, directions)
        rows = connection.execute(select(study_runs).order_by(study_runs.c.created_at)).all()
        return [
            RunSummary(
                _run(row, directions[row.study_id]),
                counts.get(row.study_id, {}),
                tuple(best.get((row.study_id, o)) for o in range(len(directions[row.study_id]))),
            )
            for row in rows
        ]


def list_names(database: Database) -> list[str]:
    """The names of all runs, in order."""
    with database.read() as connection:
        return known_names(connection)


def list_names_without_run(database: Database) -> list[str]:
    """The names of Optuna's studies here that this product has no record of."""
    with database.read() as connection:
        return names_without_run(connection)


def update_specification(
    database: Database, lease: Lease, specification: Mapping[str, Any], sha256: str
) -> None:
    """Replace the specification, as for a larger budget. Raises LeaseLost."""
    with database.write() as connection:
        fence(connection, lease)
        values = {"specification": dict(specification), "specification_sha256": sha256}
        own = study_runs.c.study_id == lease.study_id
        connection.execute(update(study_runs).where(own).values(values))


def record_data(
    database: Database,
    lease: Lease,
    *,
    data_sha256: str,
    versions: Mapping[str, str],
    user_attributes: Mapping[str, Any],
) -> None:
    """Write what is known of a study once its data have been read. Raises LeaseLost."""
    with database.write() as connection:
        fence(connection, lease)
        values = {"data_sha256": data_sha256, "versions": dict(versions)}
        own = study_runs.c.study_id == lease.study_id
        connection.execute(update(study_runs).where(own).values(values))
        _insert_attributes(connection, study_user_attributes, lease.study_id, user_attributes)


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
    if status is RunStatus.RUNNING and run.started_at is None:
        values["started_at"] = now
    own = study_runs.c.study_id == run.study_id
    connection.execute(update(study_runs).where(own).values(values))


def _read(connection: Connection, name: str) -> StudyRun:
    row = connection.execute(select(study_runs).where(study_runs.c.study == name)).one_or_none()
    if row is None:
        raise missing_study(connection, name)
    return _run(row, _directions(connection, row.study_id)[row.study_id])


def _run(row: Row[Any], directions: tuple[Direction, ...]) -> StudyRun:
    values = {name: value for name, value in row._mapping.items() if name in _FIELDS}
    values["status"] = RunStatus(row.status)
    values["owner"] = Owner.parse(row.owner) if row.owner else None
    return StudyRun(directions=directions, **values)


_FIELDS = frozenset(field.name for field in fields(StudyRun))


def _insert_attributes(
    connection: Connection, table: Table, study_id: int, attributes: Mapping[str, Any]
) -> None:
    rows = [(study_id, *row) for row in attribute_rows(attributes)]
    insert_rows(connection, table, ("study_id", "key", "value_json"), rows, ("study_id", "key"))


def _directions(
    connection: Connection, study_id: int | None = None
) -> dict[int, tuple[Direction, ...]]:
    query = select(study_directions.c.study_id, study_directions.c.direction)
    if study_id is not None:
        query = query.where(study_directions.c.study_id == study_id)
    found: dict[int, tuple[Direction, ...]] = {}
    for owner, word in connection.execute(query.order_by(study_directions.c.objective)):
        direction: Direction = "minimize" if word == "MINIMIZE" else "maximize"
        found[owner] = (*found.get(owner, ()), direction)
    return found


def _best_values(
    connection: Connection, directions: dict[int, tuple[Direction, ...]]
) -> dict[tuple[int, int], float]:
    columns = (trials.c.study_id, trial_values.c.objective)
    values = trial_values.c.value
    query = (
        select(*columns, func.min(values), func.max(values))
        .join(trials, trials.c.trial_id == trial_values.c.trial_id)
        .where(trials.c.state == "COMPLETE", values.is_not(None))
        .group_by(*columns)
    )
    return {
        (study, objective): low if directions[study][objective] == "minimize" else high
        for study, objective, low, high in connection.execute(query)
    }
