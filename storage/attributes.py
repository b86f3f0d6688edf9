"""Optuna's attributes: keys with JSON values, of studies and of trials."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Connection, Table, select

ATTRIBUTE = ("key", "value_json")


def attribute_rows(owner_id: int, attributes: Mapping[str, Any]) -> list[tuple[int, str, str]]:
    """Rows of (owner, key, JSON). Raises TypeError for what JSON cannot hold."""
    return [(owner_id, key, json.dumps(value)) for key, value in attributes.items()]


def read_attributes(
    connection: Connection, table: Table, owner: Column[Any], owner_id: int
) -> dict[str, Any]:
    """The attributes of one study or trial."""
    rows = connection.execute(select(table.c.key, table.c.value_json).where(owner == owner_id))
    return {key: json.loads(value) for key, value in rows}
