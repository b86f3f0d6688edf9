"""Study names, and what to say where one is not found."""

from sqlalchemy import Connection, select

from storage.database.engine import Database
from storage.errors import StorageError, StudyNotFound, StudyWithoutRun
from storage.studies.optuna_studies import study_id_of
from storage.tables.optuna_schema import studies, trials
from storage.tables.schema import study_runs


def list_names(database: Database) -> list[str]:
    """The names of all runs, in order."""
    with database.read() as connection:
        return _names_of_runs(connection)


def list_names_without_run(database: Database) -> list[str]:
    """The names of Optuna's studies here that this product has no record of."""
    ours = select(study_runs.c.study_id)
    foreign = select(studies.c.study_name).where(studies.c.study_id.not_in(ours))
    with database.read() as connection:
        return list(connection.scalars(foreign.order_by(studies.c.study_name)))


def run_of_trial(connection: Connection, trial_id: int) -> str | None:
    """The name of the study that this product trains the trial for; None: it is not ours."""
    ours = select(study_runs.c.study).join(trials, trials.c.study_id == study_runs.c.study_id)
    return connection.scalar(ours.where(trials.c.trial_id == trial_id))


def missing_study(connection: Connection, name: str) -> StorageError:
    """The error for a name that no run has: nobody knows it, or only Optuna does."""
    if study_id_of(connection, name) is not None:
        return StudyWithoutRun(name)
    return StudyNotFound(name, _names_of_runs(connection))


def _names_of_runs(connection: Connection) -> list[str]:
    return list(connection.scalars(select(study_runs.c.study).order_by(study_runs.c.study)))
