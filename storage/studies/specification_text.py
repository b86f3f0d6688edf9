"""A study's specification as text: for a reader that does not trust whoever wrote it."""

from sqlalchemy import Text, cast, func, select

from storage.database.engine import Database
from storage.errors import StudyNotFound
from storage.tables.schema import study_runs


def specification_text(database: Database, study_id: int, *, most: int) -> str | None:
    """The JSON text of the specification; None where it has more than `most` characters: it is
    then not even sent. Raises StudyNotFound."""
    text = cast(study_runs.c.specification, Text)
    own = study_runs.c.study_id == study_id
    with database.read() as connection:
        length = connection.scalar(select(func.length(text)).where(own))
        if length is None:
            raise StudyNotFound(f"number {study_id}")
        return None if length > most else connection.scalar(select(text).where(own))
