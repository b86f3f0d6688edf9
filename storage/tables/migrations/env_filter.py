"""Which tables of a database alembic may look at."""

from typing import Any

from storage.tables.schema import metadata


def only_ours(
    _object: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any
) -> bool:
    """Optuna's tables, in the same database, are not ours to compare or to drop."""
    return kind != "table" or name in metadata.tables
