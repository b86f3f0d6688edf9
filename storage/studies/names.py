"""Study names, and what to say where one is not found."""

from sqlalchemy import Connection, select

from storage.errors import StorageError, StudyNotFound, StudyWithoutRun
from storage.tables.optuna_schema import studies, trials
from storage.tables.schema import study_runs


def known_names(connection: Connection) -> list[str]:
    """The names of the studies that this product made."""
    return list(connection.scalars(select(study_runs.c.study).order_by(study_runs.c.study)))


def names_without_run(connection: Connection) -> list[str]:
    """The names of Optuna's studies that this product knows nothing of."""
    ours = select(study_runs.c.study_id)
    foreign = select(studies.c.study_name).where(studies.c.study_id.not_in(ours))
    return list(connection.scalars(foreign.order_by(studies.c.study_name)))


def run_of_trial(connection: Connection, trial_id: int) -> str | None:
    """The name of the study that this product trains the trial for; None: it is not ours."""
    ours = select(study_runs.c.study).join(trials, trials.c.study_id == study_runs.c.study_id)
    return connection.scalar(ours.where(trials.c.trial_id == trial_id))


def missing_study(connection: Connection, name: str) -> StorageError:
    """The error for a name that no run has: nobody knows it, or only Optuna does."""
    if connection.scalar(select(studies.c.study_id).where(studies.c.study_name == name)):
        return StudyWithoutRun(name)
    return StudyNotFound(name, known_names(connection))
