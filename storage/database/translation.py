"""What SQLAlchemy and the drivers raise becomes a StorageError here, and nowhere else.

Both drivers say what happened in a code (PostgreSQL's SQLSTATE, SQLite's error name), so no
message is searched for words. What none of these tables has is a StatementRefused; a test fails
when SQLAlchemy or psycopg has an error that is in none of them.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import exc

from storage.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseNotWritable,
    DatabaseUnreachable,
    StatementRefused,
    StorageError,
)

# Classes (two characters) and codes (five) of SQLSTATE; a code goes before its class.
POSTGRESQL: dict[str, type[StorageError]] = {
    "08": DatabaseUnreachable,  # connection exceptions
    "3D": DatabaseUnreachable,  # no such database
    "28": DatabaseUnreachable,  # wrong user or password
    "53": DatabaseUnreachable,  # out of memory or connections
    "53100": DatabaseNotWritable,  # disk full
    "57": DatabaseUnreachable,  # shut down, starting up, administrator's command
    "57014": DatabaseBusy,  # statement time-out
    "58": DatabaseUnreachable,  # input or output error of the server
    "40": DatabaseBusy,  # deadlock, serialization failure
    "55P03": DatabaseBusy,  # lock time-out
    "25P03": DatabaseUnreachable,  # was idle in a transaction for too long, as when paused
    "25006": DatabaseNotWritable,  # read-only transaction, as on a standby
    "42501": DatabaseNotWritable,  # no permission
    "22P05": DatabaseNotWritable,  # a character that the database's encoding does not have
    "XX": DatabaseDamaged,  # internal error, corrupted data
}

# The other classes of SQLSTATE are about the statement, its data or its transaction.
POSTGRESQL_REFUSED = frozenset(
    {"02", "03", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21", "22", "23", "24"}
    | {"25", "26", "27", "2B", "2D", "2F", "34", "38", "39", "3B", "3F", "42", "44", "54", "55"}
    | {"72", "F0", "HV", "P0"}
)

# The first part of SQLite's error names: SQLITE_BUSY_SNAPSHOT is a SQLITE_BUSY.
SQLITE: dict[str, type[StorageError]] = {
    "SQLITE_BUSY": DatabaseBusy,
    "SQLITE_LOCKED": DatabaseBusy,
    "SQLITE_PROTOCOL": DatabaseBusy,
    "SQLITE_CANTOPEN": DatabaseNotWritable,  # its folder is gone or closed: waiting does not help
    "SQLITE_IOERR": DatabaseUnreachable,
    "SQLITE_NOMEM": DatabaseUnreachable,
    "SQLITE_READONLY": DatabaseNotWritable,
    "SQLITE_FULL": DatabaseNotWritable,
    "SQLITE_PERM": DatabaseNotWritable,
    "SQLITE_AUTH": DatabaseNotWritable,
    "SQLITE_CORRUPT": DatabaseDamaged,
    "SQLITE_NOTADB": DatabaseDamaged,
    "SQLITE_FORMAT": DatabaseDamaged,
}

# What SQLAlchemy raises by itself, with all that derives from it.
SQLALCHEMY: dict[type[Exception], type[StorageError]] = {
    exc.TimeoutError: DatabaseBusy,  # the pool had no connection to give
    exc.DisconnectionError: DatabaseUnreachable,
    exc.ArgumentError: StatementRefused,
    exc.CircularDependencyError: StatementRefused,
    exc.CompileError: StatementRefused,
    exc.IdentifierError: StatementRefused,
    exc.InvalidRequestError: StatementRefused,
    exc.StatementError: StatementRefused,  # DBAPIError too, where its driver says nothing else
}

_SUMMARIES: dict[type[StorageError], str] = {
    DatabaseUnreachable: "cannot be reached",
    DatabaseBusy: "is locked by others",
    DatabaseNotWritable: "cannot be written",
    DatabaseDamaged: "is damaged or not a database",
    StatementRefused: "refused a statement",
}

# What would be right, where the database's words do not say it.
_REMEDIES = {"22P05": "; create the database with ENCODING 'UTF8', or use its characters alone"}


@contextmanager
def translated(shown_url: str) -> Iterator[None]:
    """Turn any error of SQLAlchemy or a driver that leaves the block into a StorageError.

    shown_url goes into the message: it must be without password.
    """
    try:
        yield
    except (exc.SQLAlchemyError, psycopg.Error, sqlite3.Error) as error:
        raise translate(error, shown_url) from error


def translate(error: Exception, shown_url: str) -> StorageError:
    """The StorageError to raise in place of error."""
    cause = _driver_error(error)
    kind = _kind(error, cause)
    said = " ".join(str(cause).split()) or type(cause).__name__
    remedy = _REMEDIES.get(getattr(cause, "sqlstate", None) or "", "")
    return kind(f"database {shown_url} {_SUMMARIES[kind]}: {said}{remedy}")


def _driver_error(error: Exception) -> BaseException:
    if isinstance(error, exc.DBAPIError) and error.orig is not None:
        return error.orig
    return error


def _kind(error: Exception, cause: BaseException) -> type[StorageError]:
    match cause:
        case psycopg.Error(sqlstate=str(code)):
            return POSTGRESQL.get(code) or POSTGRESQL.get(code[:2], StatementRefused)
        case psycopg.OperationalError():  # no SQLSTATE: the client noticed, not the server
            return DatabaseUnreachable
        case sqlite3.Error():
            name = getattr(cause, "sqlite_errorname", "")
            named = (kind for start, kind in SQLITE.items() if name.startswith(start))
            return next(named, StatementRefused)
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return DatabaseUnreachable
    known = (SQLALCHEMY[base] for base in type(cause).__mro__ if base in SQLALCHEMY)
    return next(known, StatementRefused)
