"""What alembic runs: our tables only, with a version table of our own, in the caller's transaction.

Optuna keeps its own history in the same database under alembic's default name.
"""

from typing import Any

from alembic import context

from storage.schema import metadata

VERSION_TABLE = "study_alembic_version"


def only_ours(
    _object: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any
) -> bool:
    """Whether alembic may look at a table: Optuna's are not ours to compare or to drop."""
    return kind != "table" or name in metadata.tables


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_object=only_ours,
)
with context.begin_transaction():
    context.run_migrations()
