"""One trial's rows as they were written: to copy them to a duplicate, or to compare a replay."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select

from storage.database.engine import Database
from storage.errors import TrialNotFound
from storage.reading.purposes import with_purposes
from storage.studies.names import missing_study
from storage.studies.splits import ReplicatePurpose
from storage.tables.schema import (
    layer_statistics,
    learning_curves,
    members,
    replicates,
    results,
    study_runs,
)

Rows = tuple[Mapping[str, Any], ...]

_IDENTITY = frozenset({"trial_id", "study", "trial", "state", "started_at", "finished_at"})


@dataclass(frozen=True, slots=True)
class RecordedTrial:
    """One trial's rows of our tables, as FinishedTrial takes them: keyed by column.

    Those of replicates are of one purpose.
    """

    state: str
    result: Mapping[str, Any]
    replicates: Rows
    members: Rows
    learning_curves: Rows
    layer_statistics: Rows


def read_recorded_trial(
    database: Database,
    study: str,
    trial: int,
    purpose: ReplicatePurpose = ReplicatePurpose.SEARCH,
) -> RecordedTrial:
    """The rows of one finished trial, of its replicates of this purpose. Raises StudyNotFound,
    StudyWithoutRun, TrialNotFound."""
    with database.read() as connection:
        own = (results.c.study == study) & (results.c.trial == trial)
        row = connection.execute(select(results).where(own)).one_or_none()
        if row is None:
            known = select(study_runs.c.study_id).where(study_runs.c.study == study)
            if connection.scalar(known) is None:
                raise missing_study(connection, study)
            raise TrialNotFound(f"study {study!r} has no results of a trial {trial}")
        return RecordedTrial(
            state=row.state,
            result={k: v for k, v in row._mapping.items() if k not in _IDENTITY},
            replicates=_rows(connection, replicates, row.trial_id, purpose),
            members=_rows(connection, members, row.trial_id, purpose),
            learning_curves=_rows(connection, learning_curves, row.trial_id, purpose),
            layer_statistics=_rows(connection, layer_statistics, row.trial_id, purpose),
        )


def read_fingerprints(database: Database, study: str) -> dict[int, str]:
    """The fingerprint of every COMPLETE trial that was trained, not copied, by number."""
    columns = (results.c.trial, results.c.fingerprint)
    trained = (results.c.state == "COMPLETE") & results.c.duplicate_of.is_(None)
    with database.read() as connection:
        rows = connection.execute(select(*columns).where(results.c.study == study, trained))
        return {row.trial: row.fingerprint for row in rows}


def read_recorded_numbers(database: Database, study: str) -> set[int]:
    """The numbers of all trials that ended here: trained, copied, or failed with a reason."""
    with database.read() as connection:
        return set(connection.scalars(select(results.c.trial).where(results.c.study == study)))


def _rows(connection: Connection, table: Table, trial_id: int, purpose: ReplicatePurpose) -> Rows:
    columns = [column for column in table.c if column.name != "trial_id"]
    query = select(*columns).where(table.c.trial_id == trial_id)
    query = query.join_from(table, results, table.c.trial_id == results.c.trial_id)
    query, _ = with_purposes(query, table.c.replicate, purpose)
    rows = connection.execute(query.order_by(*table.primary_key.columns))
    return tuple(dict(row._mapping) for row in rows)
