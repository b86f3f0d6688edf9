"""Facts about a database, found without changing it: what `study doctor` judges."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, func, inspect, select, text

from storage.database.engine import Database
from storage.database.translation import translated
from storage.database.urls import parse_url, refuse_network_file_system, sqlite_path
from storage.errors import DatabaseNotWritable, SchemaUnknown
from storage.studies.leases import database_now
from storage.tables import versions
from storage.tables.optuna_schema import check_optuna_schema, has_optuna, studies

ROUND_TRIPS = 5


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What was found at a URL.

    url is without a password. file is SQLite's, None for a server; exists says whether anything
    is there yet; if not, no other fact is known. version is the server's or the library's.
    latency_seconds is the median round trip of a statement; clock_ahead_seconds how far the
    database's clock is ahead of this host's, within clock_error_seconds. optuna_problem and
    write_problem are one line each, None where all is well; schema_version is of our tables, None
    where there are none. encoding is a server's name of the characters that it keeps, None for a
    file, which keeps all.
    """

    url: str
    dialect: str
    file: Path | None
    exists: bool
    version: str = ""
    latency_seconds: float = 0.0
    clock_ahead_seconds: float = 0.0
    clock_error_seconds: float = 0.0
    size_bytes: int = 0
    studies: int = 0
    has_optuna: bool = False
    optuna_problem: str | None = None
    schema_version: str | None = None
    write_problem: str | None = None
    encoding: str | None = None


def inspect_database(url: str) -> DatabaseFacts:
    """Look at the database, and prove in a transaction that is undone whether it can be written.

    Nothing is created, upgraded or written.
    Raises UrlRefused, NetworkFileSystem, DatabaseUnreachable, DatabaseDamaged.
    """
    parsed = parse_url(url)
    file = sqlite_path(parsed)
    if file is not None:
        refuse_network_file_system(file)
    with Database(parsed) as database:
        if file is not None and not os.access(file, os.F_OK):
            return DatabaseFacts(database.url, database.dialect, file, exists=False)
        with database.read() as connection:
            latency = _latency(connection)
            ahead, error = _clock(connection)
            known = has_optuna(connection)
            return DatabaseFacts(
                url=database.url,
                dialect=database.dialect,
                file=file,
                exists=True,
                version=_version(connection),
                latency_seconds=latency,
                clock_ahead_seconds=ahead,
                clock_error_seconds=error,
                size_bytes=_size(connection),
                studies=connection.scalar(select(func.count()).select_from(studies)) or 0
                if known
                else 0,
                has_optuna=known,
                optuna_problem=_problem(lambda: check_optuna_schema(connection)) if known else None,
                schema_version=versions.schema_version(connection),
                write_problem=_problem(lambda: _try_to_write(database)),
                encoding=_encoding(connection),
            )


def _problem(act: Callable[[], None]) -> str | None:
    try:
        act()
    except (SchemaUnknown, DatabaseNotWritable) as error:
        return str(error)
    return None


def _latency(connection: Connection) -> float:
    seconds = []
    for _ in range(ROUND_TRIPS):
        began = time.perf_counter()
        connection.execute(text("SELECT 1")).scalar_one()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _clock(connection: Connection) -> tuple[float, float]:
    before = datetime.now(UTC)
    theirs = database_now(connection)
    after = datetime.now(UTC)
    half = (after - before) / 2
    return (theirs - (before + half)).total_seconds(), half.total_seconds()


def _version(connection: Connection) -> str:
    query = "SHOW server_version"
    if connection.dialect.name == "sqlite":
        query = "SELECT sqlite_version()"
    return str(connection.execute(text(query)).scalar_one())


def _encoding(connection: Connection) -> str | None:
    if connection.dialect.name == "sqlite":
        return None
    return str(connection.execute(text("SHOW server_encoding")).scalar_one())


def _size(connection: Connection) -> int:
    query = "SELECT pg_database_size(current_database())"
    if connection.dialect.name == "sqlite":
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    return int(connection.execute(text(query)).scalar_one())


def _try_to_write(database: Database) -> None:
    """Write as a study would, and undo it: a row of the tables, or a new table where there are
    none."""
    engine = database.engine.execution_options(storage_writes=True)
    with translated(database.url), engine.connect() as connection:
        transaction = connection.begin()
        try:
            if inspect(connection).has_table(studies.name):
                connection.execute(text("UPDATE studies SET study_name = study_name WHERE 1 = 0"))
            else:
                connection.execute(text("CREATE TABLE study_doctor (id INTEGER)"))
        finally:
            transaction.rollback()


def check_reachable(database: Database) -> None:
    """Read a row.

    Raises DatabaseUnreachable, DatabaseDamaged or another StorageError if that fails.
    """
    with database.read() as connection:
        connection.execute(select(studies.c.study_id).limit(1))
