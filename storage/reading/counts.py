"""How many studies and trials a database holds: what a service's metrics show."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import case, func, select

from storage.database.engine import Database
from storage.tables.optuna_schema import trials
from storage.tables.schema import results, study_runs
from storage.tables.status import RunStatus


@dataclass(frozen=True, slots=True)
class Counts:
    """Studies by status (none is 0), and trials by study and Optuna's state (none is absent) of
    the studies that are queued or at work."""

    studies: Mapping[RunStatus, int]
    trials: Mapping[tuple[str, str], int]


def read_counts(database: Database) -> Counts:
    """The counts of one moment."""
    by_status = select(study_runs.c.status, func.count()).group_by(study_runs.c.status)
    columns = (study_runs.c.study, trials.c.state)
    by_state = (
        select(*columns, func.count())
        .join(trials, trials.c.study_id == study_runs.c.study_id)
        .where(study_runs.c.finished_at.is_(None))
        .group_by(*columns)
    )
    with database.read() as connection:
        studies = {RunStatus(status): count for status, count in connection.execute(by_status)}
        counted = {(name, state): n for name, state, n in connection.execute(by_state)}
    return Counts({status: studies.get(status, 0) for status in RunStatus}, counted)


def count_finished(database: Database, study_id: int) -> int:
    """How many trials of a study have ended, whichever way; 0 where there is no such study."""
    ended = trials.c.state.in_(["COMPLETE", "PRUNED", "FAIL"])
    query = select(func.count()).where(trials.c.study_id == study_id, ended)
    with database.read() as connection:
        return connection.scalar(query) or 0


def all_diverged(database: Database, study: str, *, replicates: int) -> bool:
    """Whether no network of any complete trial stayed finite; no where no trial is complete."""
    networks = results.c.ensemble_size * replicates
    query = select(func.count(), func.sum(case((results.c.diverged >= networks, 1), else_=0)))
    complete = query.where(results.c.study == study, results.c.state == "COMPLETE")
    with database.read() as connection:
        trained, diverged = connection.execute(complete).one()
    return bool(trained and trained == diverged)
