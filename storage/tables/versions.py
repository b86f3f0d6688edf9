"""The version of our tables, and the way from an older one to ours."""

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from storage.errors import SchemaUnknown

SCRIPTS = Path(__file__).parent / "migrations"

KNOWN = tuple(sorted(file.name[1:5] for file in (SCRIPTS / "versions").glob("v[0-9]*.py")))
"""Every version there has been, oldest first, from the names of its steps: v0001_first_tables.py.
"""

HEAD = KNOWN[-1]
"""The version of our tables that this program works with; alembic's newest step."""

_version_table = Table(
    "study_alembic_version", MetaData(), Column("version_num", String(32), nullable=False)
)


def schema_version(connection: Connection) -> str | None:
    """The version of our tables in this database; None where there are none."""
    if not inspect(connection).has_table(_version_table.name):
        return None
    return connection.scalar(select(_version_table.c.version_num))


def check_version(version: str | None) -> None:
    """Raise SchemaUnknown for a version that this program has no way from."""
    if version is not None and version not in KNOWN:
        raise SchemaUnknown(
            f"the tables of this database are of version {version}, newer than this program knows "
            f"({HEAD}); upgrade it with: pip install -U overfit-study"
        )


def upgrade(connection: Connection, version: str = "head") -> None:
    """Make our tables, or bring them up to version, inside the caller's transaction."""
    # alembic takes half a second to import: only a new or an old database pays for it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, version)
