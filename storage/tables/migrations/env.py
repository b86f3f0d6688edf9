"""What alembic runs: our tables only, with a version table of our own, in the caller's transaction.

Optuna keeps its own history in the same database under alembic's default name.
"""

from alembic import context

from storage.tables.migrations.env_filter import only_ours
from storage.tables.schema import metadata

VERSION_TABLE = "study_alembic_version"

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_object=only_ours,
)
with context.begin_transaction():
    context.run_migrations()
