"""Optuna's attributes: keys with JSON values, of studies and of trials."""

import json
import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Connection, Table, select

AttributeRow = tuple[str, str]  # key, JSON


def attribute_rows(attributes: Mapping[str, Any]) -> list[AttributeRow]:
    """As Optuna stores them. Raises TypeError for a value that JSON cannot hold."""
    return [(key, _encode_attribute(value)) for key, value in attributes.items()]


def read_attributes(
    connection: Connection, table: Table, owner: Column[Any], owner_id: int
) -> dict[str, Any]:
    """The attributes of one study or trial."""
    rows = connection.execute(select(table.c.key, table.c.value_json).where(owner == owner_id))
    return {key: decode_attribute(value) for key, value in rows}


def decode_attribute(text: str) -> Any:
    """The value that attribute_rows wrote as this text."""
    # What ends in a digit and has a point is a number: strings and lists end in other signs.
    return float(text) if text[-1:].isdecimal() and "." in text else json.loads(text)


def _encode_attribute(value: Any) -> str:
    # Metrics are floats, and the encoder of json takes ten times as long for the same text.
    if type(value) is float and math.isfinite(value):
        return repr(value)
    return json.dumps(value)
