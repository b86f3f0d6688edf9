"""Optuna's rows of studies: names, directions and attributes, inside the caller's transaction.

Directions are as Optuna stores them: "MINIMIZE" or "MAXIMIZE". This file does not import Optuna.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from storage.database.attributes import attribute_rows, decode_attribute
from storage.database.bulk import insert_rows
from storage.errors import StudyExists, StudyNotFound
from storage.tables.optuna_schema import (
    studies,
    study_directions,
    study_system_attributes,
    study_user_attributes,
)

_NAME = select(studies.c.study_name).where(studies.c.study_id == bindparam("study"))
_NAME_LOCKED = _NAME.with_for_update()


@dataclass(frozen=True, slots=True)
class OptunaStudy:
    """A study as Optuna has it; directions in the order of its objectives."""

    study_id: int
    name: str
    directions: tuple[str, ...]
    user_attributes: dict[str, Any] = field(default_factory=dict)
    system_attributes: dict[str, Any] = field(default_factory=dict)


def insert_study(connection: Connection, name: str, directions: Sequence[str]) -> int:
    """Insert a study, and return its id. Raises StudyExists."""
    if study_id_of(connection, name) is not None:
        raise StudyExists(name)
    try:
        result = connection.execute(insert(studies), {"study_name": name})
    except IntegrityError:  # someone was faster by a moment
        raise StudyExists(name) from None
    (study_id,) = result.inserted_primary_key or (0,)
    rows = [(study_id, objective, name) for objective, name in enumerate(directions)]
    insert_rows(connection, study_directions, ("study_id", "objective", "direction"), rows)
    return int(study_id)


def write_study_attributes(
    connection: Connection, table: Table, study_id: int, attributes: Mapping[str, Any]
) -> None:
    """Set or replace attributes, in Optuna's table of user or of system attributes.

    Raises TypeError for a value that JSON cannot hold.
    """
    rows = [(study_id, *row) for row in attribute_rows(attributes)]
    insert_rows(connection, table, ("study_id", "key", "value_json"), rows, ("study_id", "key"))


def study_id_of(connection: Connection, name: str) -> int | None:
    """The id of the study with this name; None where there is none."""
    return connection.scalar(select(studies.c.study_id).where(studies.c.study_name == name))


def require_study(connection: Connection, study_id: int, *, lock: bool = False) -> str:
    """The study's name. Raises StudyNotFound.

    lock takes the lock under which Optuna, too, gives numbers to trials.
    """
    name: str | None = connection.scalar(_NAME_LOCKED if lock else _NAME, {"study": study_id})
    if name is None:
        raise StudyNotFound(f"number {study_id}", all_study_names(connection))
    return name


def all_study_names(connection: Connection) -> list[str]:
    """The names of Optuna's studies, also of those that this product knows nothing of."""
    return list(connection.scalars(select(studies.c.study_name).order_by(studies.c.study_name)))


def read_directions(
    connection: Connection, study_id: int | None = None
) -> dict[int, tuple[str, ...]]:
    """The directions by the study's id, of one study or of all."""
    query = select(study_directions.c.study_id, study_directions.c.direction)
    if study_id is not None:
        query = query.where(study_directions.c.study_id == study_id)
    found: dict[int, tuple[str, ...]] = {}
    for owner, direction in connection.execute(query.order_by(study_directions.c.objective)):
        found[owner] = (*found.get(owner, ()), direction)
    return found


def read_optuna_studies(connection: Connection) -> list[OptunaStudy]:
    """All studies, in the order of their ids."""
    directions = read_directions(connection)
    found = {
        study_id: OptunaStudy(study_id, name, directions.get(study_id, ()))
        for study_id, name in connection.execute(
            select(studies.c.study_id, studies.c.study_name).order_by(studies.c.study_id)
        )
    }
    for row in connection.execute(select(study_user_attributes)):
        found[row.study_id].user_attributes[row.key] = decode_attribute(row.value_json)
    for row in connection.execute(select(study_system_attributes)):
        found[row.study_id].system_attributes[row.key] = decode_attribute(row.value_json)
    return list(found.values())
