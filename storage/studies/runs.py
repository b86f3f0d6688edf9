"""The runs of studies: this product's record beside Optuna's study, made, read and changed.

Their status changes in storage.studies.transitions; storage.reading.summaries lists them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, Text, cast, func, insert, select, update

from storage.database.engine import Database
from storage.errors import StudyNotFound
from storage.owners import Owner
from storage.studies.leases import Lease, database_now, fence
from storage.studies.names import missing_study
from storage.studies.optuna_studies import insert_study, read_directions, write_study_attributes
from storage.studies.queue_positions import end_of_queue
from storage.tables.optuna_schema import study_system_attributes, study_user_attributes
from storage.tables.schema import study_runs
from storage.tables.status import RunStatus

Direction = Literal["minimize", "maximize"]

DATA_SUMMARY = "data_summary"
"""The study's user attribute with the lines that say how its data were read."""


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


def create_run(database: Database, new: NewRun) -> StudyRun:
    """Make Optuna's study and our record of it in one transaction.

    Raises StudyExists, TypeError for an attribute that JSON cannot hold.
    """
    with database.write() as connection:
        study_id = insert_study(connection, new.study, [d.upper() for d in new.directions])
        for table, attributes in (
            (study_user_attributes, new.user_attributes),
            (study_system_attributes, new.system_attributes),
        ):
            write_study_attributes(connection, table, study_id, attributes)
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


def read_run(database: Database, name: str) -> StudyRun:
    """The run of the study called name. Raises StudyNotFound, StudyWithoutRun."""
    with database.read() as connection:
        return _read(connection, name)


def specification_text(database: Database, study_id: int, *, most: int) -> str | None:
    """The JSON text of the specification: for a reader that does not trust whoever wrote it.

    None where it has more than `most` characters: it is then not even sent. Raises StudyNotFound.
    """
    text = cast(study_runs.c.specification, Text)
    own = study_runs.c.study_id == study_id
    with database.read() as connection:
        length = connection.scalar(select(func.length(text)).where(own))
        if length is None:
            raise StudyNotFound(f"number {study_id}")
        return None if length > most else connection.scalar(select(text).where(own))


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
        write_study_attributes(connection, study_user_attributes, lease.study_id, user_attributes)


def _read(connection: Connection, name: str) -> StudyRun:
    row = connection.execute(select(study_runs).where(study_runs.c.study == name)).one_or_none()
    if row is None:
        raise missing_study(connection, name)
    return run_of_row(row, read_directions(connection, row.study_id)[row.study_id])


def run_of_row(row: Row[Any], directions: Sequence[str]) -> StudyRun:
    """A row of study_runs, with Optuna's directions of the study, as a StudyRun."""
    values = {name: value for name, value in row._mapping.items() if name in _FIELDS}
    values["status"] = RunStatus(row.status)
    values["owner"] = Owner.parse(row.owner) if row.owner else None
    return StudyRun(directions=tuple(map(_direction, directions)), **values)


def _direction(word: str) -> Direction:
    return "minimize" if word == "MINIMIZE" else "maximize"


_FIELDS = frozenset(field.name for field in fields(StudyRun))
