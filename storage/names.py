"""Study names, and what to say where one is not found."""

from sqlalchemy import Connection, select

from storage.errors import StorageError, StudyNotFound, StudyWithoutRun
from storage.optuna_schema import studies
from storage.schema import study_runs


def known_names(connection: Connection) -> list[str]:
    """The names of the studies that this product made."""
    return list(connection.scalars(select(study_runs.c.study).order_by(study_runs.c.study)))


def names_without_run(connection: Connection) -> list[str]:
    """The names of Optuna's studies that this product knows nothing of."""
    ours = select(study_runs.c.study_id)
    foreign = select(studies.c.study_name).where(studies.c.study_id.not_in(ours))
    return list(connection.scalars(foreign.order_by(studies.c.study_name)))


def missing_study(connection: Connection, name: str) -> StorageError:
    """The error for a name that no run has: nobody knows it, or only Optuna does."""
    if connection.scalar(select(studies.c.study_id).where(studies.c.study_name == name)):
        return StudyWithoutRun(name)
    return StudyNotFound(name, known_names(connection))
