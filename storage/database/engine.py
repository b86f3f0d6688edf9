"""A database: SQLAlchemy's engine with its pool, and transactions that read or write.

A block of `Database.write()` is one transaction: all of it happens, or none. On SQLite it holds
the only write lock from its first moment (BEGIN IMMEDIATE), so that two writers wait for each
other instead of failing half-way; on PostgreSQL whoever must be alone locks a row.
A block of `Database.read()` sees one moment of the database. What SQLAlchemy or a driver raises in
either is raised as a StorageError: see storage.database.translation.
"""

import select
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import URL, Connection, Dialect, Engine, NullPool, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

from storage.database.read_only import ADVICE, connect_read_only, is_read_only
from storage.database.translation import translated
from storage.database.urls import sqlite_path, without_secrets
from storage.errors import DatabaseNotWritable

BUSY_SECONDS = 30
"""How long a writer waits for another one before DatabaseBusy."""

IDLE_TRANSACTION_SECONDS = 20
"""After this long PostgreSQL drops the locks of a writer that was paused in mid-transaction."""

PRE_PING_IDLE_SECONDS = 1.0
"""A connection that was idle in the pool for this long is pinged before it is used."""

_CHECKED_IN_AT = "checked_in_at"
_POOLED = "pooled"


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction that ended, after so many seconds from asking for a connection to the last
    answer; failed: it was undone."""

    writes: bool
    seconds: float
    failed: bool


class Database:
    """An open database. Made by open_database; safe to share between threads, picklable.

    read_only: a file of SQLite's that this user may only read.
    """

    def __init__(self, url: URL) -> None:
        self._secret_url = url
        self.url = without_secrets(url)
        path = sqlite_path(url)
        self.read_only = path is not None and is_read_only(path)
        self.engine = _make_engine(url, path if self.read_only else None)
        self._reader = self.engine
        if self.dialect == "postgresql":
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ")
        self._observers: tuple[Callable[[Transaction], None], ...] = ()
        self._writer = self.engine.execution_options(storage_writes=True)
        # Connections of a database that nobody disposed of are closed with it.
        self._finalizer = weakref.finalize(self, self.engine.dispose)

    @property
    def dialect(self) -> str:
        """'sqlite' or 'postgresql'."""
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database and writes nothing."""
        with self._transaction(self._reader, writes=False) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection whose work is committed when the block ends, and undone when it raises.

        Raises:
            DatabaseNotWritable: before anything is done, where the file may only be read.
        """
        if self.read_only:
            raise DatabaseNotWritable(f"database {self.url} may only be read here: {ADVICE}")
        with self._transaction(self._writer, writes=True) as connection:
            yield connection

    def observe_transactions(self, observer: Callable[[Transaction], None]) -> None:
        """Call observer after every transaction from now on, in the thread that made it."""
        self._observers = (*self._observers, observer)

    @contextmanager
    def _transaction(self, engine: Engine, *, writes: bool) -> Iterator[Connection]:
        began, failed = time.perf_counter(), True
        try:
            with translated(self.url), engine.connect() as connection, connection.begin():
                yield connection
            failed = False
        finally:
            done = Transaction(writes, time.perf_counter() - began, failed)
            for observer in self._observers:
                observer(done)

    def dispose(self) -> None:
        """Close every connection; the database can still be used, it then opens new ones."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.dispose()

    def __repr__(self) -> str:
        return f"Database({self.url!r})"

    def __reduce__(self) -> tuple[type["Database"], tuple[URL]]:
        return Database, (self._secret_url,)


def _make_engine(url: URL, only_read: Path | None) -> Engine:
    if url.get_backend_name() == "sqlite":
        if only_read is None:
            engine = create_engine(
                url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS}, pool_size=5
            )
        else:
            # None is kept: whoever may write the file may begin to, and the next must see that.
            engine = create_engine(
                url,
                hide_parameters=True,
                creator=partial(connect_read_only, only_read, BUSY_SECONDS),
                poolclass=NullPool,
            )
        event.listen(engine, "connect", _prepare_sqlite_connection)
        event.listen(engine, "begin", _begin_sqlite_transaction)
        return engine
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=4,
        max_overflow=4,
        pool_timeout=BUSY_SECONDS,
        connect_args={
            "connect_timeout": 10,
            "application_name": "overfit-study",
            # Whatever the database's own: in SQL_ASCII texts would come as bytes.
            "client_encoding": "utf8",
            # A pooler may run each transaction in another session, which has prepared nothing.
            "prepare_threshold": None,
        },
    )
    event.listen(engine, "connect", _prepare_postgresql_connection)
    event.listen(engine, "begin", _begin_pooled_transaction)
    event.listen(engine, "checkin", _record_checkin)
    event.listen(engine, "checkout", partial(_pre_ping, engine.dialect))
    return engine


def _prepare_sqlite_connection(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, and only before some statements.
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -65536")  # 64 MiB
    connection.execute("PRAGMA wal_autocheckpoint = 4000")  # pages: 16 MiB, every 100 batches or so


def _begin_sqlite_transaction(connection: Connection) -> None:
    writes = connection.get_execution_options().get("storage_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _record_checkin(_connection: object, record: Any) -> None:
    record.info[_CHECKED_IN_AT] = time.monotonic()


def _pre_ping(dialect: Dialect, connection: Any, record: Any, _proxy: object) -> None:
    """Have a connection replaced that was lost while it was idle in the pool.

    SQLAlchemy's own pre-ping asks the server each time, which is a twentieth of a batch's time.
    Between statements a server sends something only when it ends the connection.
    """
    idle = time.monotonic() - record.info.get(_CHECKED_IN_AT, time.monotonic())
    if idle < PRE_PING_IDLE_SECONDS and not _has_unread_bytes(connection):
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error:
        # This and all others of its time: see "Disconnect Handling" in SQLAlchemy's manual.
        raise InvalidatePoolError from None


def _has_unread_bytes(connection: Any) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


_SETTINGS = {
    "idle_in_transaction_session_timeout": f"{IDLE_TRANSACTION_SECONDS}s",
    "lock_timeout": f"{BUSY_SECONDS}s",
    "timezone": "UTC",
}


def _prepare_postgresql_connection(connection: Any, record: Any) -> None:
    with connection.cursor() as cursor:
        # A pooler, such as PgBouncer, answers in its own name, and has a server's session for a
        # transaction only: what is set there would be others'.
        (session,) = cursor.execute("SELECT pg_backend_pid()").fetchone()
        record.info[_POOLED] = session != connection.info.backend_pid
        if not record.info[_POOLED]:
            cursor.execute(_set_commands("SESSION"))
    connection.commit()


def _begin_pooled_transaction(connection: Connection) -> None:
    if connection.info.get(_POOLED):
        connection.exec_driver_sql(_set_commands("LOCAL"))


def _set_commands(scope: str) -> str:
    return "; ".join(f"SET {scope} {name} = '{value}'" for name, value in _SETTINGS.items())
