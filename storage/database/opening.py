"""What happens when a database is opened: its tables are made, checked, or brought up to date.

A database that is as it should be costs a few reads. Otherwise one program at a time makes or
upgrades its tables, in one transaction: under SQLite's write lock, or an advisory lock of
PostgreSQL.
"""

import os
import time

from sqlalchemy import Connection, text

from storage.database.engine import BUSY_SECONDS, Database
from storage.database.read_only import ADVICE
from storage.database.translation import translated
from storage.database.urls import parse_url, refuse_network_file_system, sqlite_path
from storage.errors import DatabaseBusy, DatabaseMissing, DatabaseNotWritable, StatementRefused
from storage.tables import triggers, versions
from storage.tables.optuna_schema import check_optuna_schema, has_optuna, make_optuna_schema

ADVISORY_LOCK = 0x5354_5544_59  # "STUDY": any number that no other program would choose
ATTEMPTS = 5


def open_database(url: str, *, create: bool = True) -> Database:
    """The database at url, with Optuna's tables and ours made or brought up to date.

    Without create, a database that is not there stays so: DatabaseMissing. Many programs may open
    the same new database at once.
    Raises UrlRefused, NetworkFileSystem, DatabaseUnreachable, DatabaseNotWritable,
    DatabaseDamaged, and SchemaUnknown if the tables are of a version that is not known here.
    """
    parsed = parse_url(url)
    path = sqlite_path(parsed)
    if path is not None:
        refuse_network_file_system(path)
        if not create and not os.access(path, os.F_OK):
            raise DatabaseMissing(f"there is no database at {path}")
        if not os.access(path.parent, os.F_OK):
            raise DatabaseNotWritable(f"the folder of {path} does not exist, or is closed")
    database = Database(parsed)
    try:
        _ensure_schema(database, create=create)
    except BaseException:
        database.dispose()
        raise
    return database


def _ensure_schema(database: Database, *, create: bool) -> None:
    """Make Optuna's tables and ours what this program works with; see open_database."""
    with database.read() as connection:
        known = has_optuna(connection)
        if not known and not create:
            raise DatabaseMissing(f"database {database.url} holds no studies yet")
        ready = known and _is_ready(connection)
    if database.read_only and not ready:
        raise DatabaseNotWritable(
            f"database {database.url} must be brought up to date before it is read, and may not be "
            f"written: {ADVICE}"
        )
    if database.dialect == "sqlite" and not database.read_only:
        _use_write_ahead_log(database)
    attempts = 0 if ready else ATTEMPTS
    for attempt in range(attempts):
        try:
            with database.write() as connection:
                _create_or_upgrade(connection)
            return
        except StatementRefused:
            # Another program, which does not know our lock, made the same tables just now.
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(0.2)


def _is_ready(connection: Connection) -> bool:
    version = versions.schema_version(connection)
    versions.check_version(version)
    if version != versions.HEAD:
        return False
    check_optuna_schema(connection)
    if connection.dialect.name != "sqlite":
        return True
    return triggers.triggers_in_place(connection) and not triggers.has_orphans(connection)


def _create_or_upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    version = versions.schema_version(connection)
    versions.check_version(version)
    make_optuna_schema(connection)
    check_optuna_schema(connection)
    if version != versions.HEAD:
        versions.upgrade(connection)
    if connection.dialect.name == "sqlite":
        triggers.create_triggers(connection)


def _use_write_ahead_log(database: Database) -> None:
    # The mode stays with the file. Changing it needs the file alone, and SQLite does not wait for
    # that as it waits for a lock, so we do.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            with translated(database.url), database.engine.connect() as connection:
                driver = connection.connection.driver_connection
                if driver is not None:
                    driver.execute("PRAGMA journal_mode = WAL").close()
            return
        except DatabaseBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
