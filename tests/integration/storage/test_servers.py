"""PostgreSQL as it is found: in another encoding, and behind a pooler of connections."""

import os
import shutil
import socket
import subprocess
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, text

from storage.database.engine import BUSY_SECONDS, Database
from storage.database.opening import open_database
from storage.errors import DatabaseNotWritable
from storage.reading.inspection import inspect_database
from storage.studies.runs import NewRun, create_run, read_run
from tests.ports import free_port

NAME = "와인"


@contextmanager
def database_in(server, encoding):
    name = f"test_{uuid.uuid4().hex}"
    like = "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    server.psql(f"CREATE DATABASE {name} ENCODING '{encoding}' {like}")
    yield server.get_uri(database=name)
    server.psql(f"DROP DATABASE {name} WITH (FORCE)")


def make_study(database: Database, name: str) -> None:
    create_run(database, NewRun(name, ("maximize",), {"name": name}, "0" * 64, None, seed=0))


def test_a_database_without_an_encoding_keeps_every_character(postgres_server):
    with database_in(postgres_server, "SQL_ASCII") as url, open_database(url) as database:
        make_study(database, NAME)
        assert read_run(database, NAME).specification == {"name": NAME}
        assert inspect_database(url).encoding == "SQL_ASCII"


def test_a_character_that_a_database_cannot_keep_is_refused_with_the_remedy(postgres_server):
    with database_in(postgres_server, "LATIN1") as url, open_database(url) as database:
        make_study(database, "Größe")
        with pytest.raises(DatabaseNotWritable, match=r"LATIN1.*ENCODING 'UTF8'"):
            make_study(database, NAME)
        assert read_run(database, "Größe").study == "Größe"


def forget_sessions(database: Database) -> None:
    """What a pooler does to whoever counts on a session: the next transaction is in another."""

    @event.listens_for(database.engine, "checkin")
    def forget(connection, _record):
        connection.pgconn.exec_(b"DISCARD ALL")  # of which the driver does not know


def test_no_transaction_counts_on_what_an_earlier_one_left_in_its_session(postgres_url):
    with open_database(postgres_url) as database:
        make_study(database, "small")
        forget_sessions(database)
        for _ in range(12):  # psycopg would prepare a statement at its sixth run
            assert read_run(database, "small").study == "small"


@pytest.fixture
def pooled_url(postgres_server, postgres_url):
    """The same database through PgBouncer, which has a session for each transaction."""
    if shutil.which("pgbouncer") is None:
        if os.environ.get("STUDY_REQUIRE_SERVICES") == "1":
            pytest.fail("STUDY_REQUIRE_SERVICES=1, and PgBouncer is not installed")
        pytest.skip("PgBouncer is not installed")
    data = Path(postgres_server.pgdata)
    name, port = postgres_url.partition("/test_")[2].partition("?")[0], free_port()
    settings = data.parent / f"pgbouncer_{port}.ini"  # where the server's user may read
    settings.write_text(
        f"[databases]\nstudies = host={data} dbname=test_{name} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 2\nunix_socket_dir =\n"
    )
    owner = data.stat()
    with subprocess.Popen(
        ["pgbouncer", "-q", str(settings)], user=owner.st_uid, group=owner.st_gid, extra_groups=[]
    ) as pooler:
        try:
            wait_for(port)
            yield f"postgresql://postgres@127.0.0.1:{port}/studies"
        finally:
            pooler.terminate()


def wait_for(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_behind_a_pooler_settings_are_a_transaction_s_own(pooled_url, postgres_url):
    limit = text("SHOW lock_timeout")
    with open_database(pooled_url) as database:
        make_study(database, "small")
        for _ in range(12):
            with database.write() as connection:
                assert connection.scalar(limit) == f"{BUSY_SECONDS}s"
            with database.read() as connection:
                assert connection.scalar(limit) == f"{BUSY_SECONDS}s"
        with database.engine.connect() as connection:
            driver = connection.connection.driver_connection
            driver.rollback()
            driver.autocommit = True  # a session that others get next
            assert driver.execute("SHOW lock_timeout").fetchone() == ("0",)
            driver.autocommit = False
    with open_database(postgres_url) as database, database.read() as connection:
        assert connection.scalar(limit) == f"{BUSY_SECONDS}s"
