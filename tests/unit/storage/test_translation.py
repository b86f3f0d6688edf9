"""Everything that a driver can raise becomes one of our errors, and says no password."""

import sqlite3

import psycopg
import pytest
import sqlalchemy.exc
from psycopg import errors as sqlstates

from storage.database.translation import (
    POSTGRESQL,
    POSTGRESQL_REFUSED,
    SQLALCHEMY,
    translate,
    translated,
)
from storage.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseNotWritable,
    DatabaseUnreachable,
    StatementRefused,
    StorageError,
)

SHOWN = "postgresql://user:***@host/db"


def descendants(kind: type) -> list[type]:
    children = kind.__subclasses__()
    return children + [below for child in children for below in descendants(child)]


@pytest.mark.parametrize(
    "kind",
    [
        sqlite3.Error,
        *descendants(sqlite3.Error),
        psycopg.Error,
        *descendants(psycopg.Error),
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_error_of_a_driver_is_translated_also_wrapped_by_sqlalchemy(kind: type):
    error = kind("something happened")
    wrapped = sqlalchemy.exc.DBAPIError("SELECT 1", {}, error)
    for raised in (error, wrapped):
        with pytest.raises(StorageError) as caught, translated(SHOWN):
            raise raised
        assert str(caught.value).startswith(f"database {SHOWN} ")
        assert "\n" not in str(caught.value)


def errors_of_sqlalchemy() -> list[type[Exception]]:
    """The classes of sqlalchemy.exc: other modules have theirs for the ORM, which is not used."""
    kinds = descendants(sqlalchemy.exc.SQLAlchemyError)
    return [kind for kind in kinds if kind.__module__ == "sqlalchemy.exc"]


def test_every_error_of_sqlalchemy_is_translated():
    for kind in [sqlalchemy.exc.SQLAlchemyError, *errors_of_sqlalchemy()]:
        if issubclass(kind, sqlalchemy.exc.StatementError):
            error: Exception = kind("something happened", "SELECT 1", {}, None)
        else:
            error = kind.__new__(kind)  # their arguments differ
            error.args = ("something happened",)
        with pytest.raises(StorageError), translated(SHOWN):
            raise error


def unmapped(kinds: list[type[Exception]]) -> list[str]:
    return [kind.__name__ for kind in kinds if not SQLALCHEMY.keys() & set(kind.__mro__)]


def test_every_error_of_sqlalchemy_is_in_the_table_of_translation():
    missing = unmapped(errors_of_sqlalchemy())
    assert not missing, f"storage/database/translation.py: SQLALCHEMY lacks {missing}"


def test_an_error_that_sqlalchemy_does_not_have_yet_would_be_missed_in_the_table():
    class ServerAsleep(sqlalchemy.exc.SQLAlchemyError):
        """A new one."""

    assert unmapped([ServerAsleep, sqlalchemy.exc.NoResultFound]) == ["ServerAsleep"]


def test_every_class_of_postgresqls_codes_is_in_one_table_of_translation():
    codes = {kind.sqlstate for kind in descendants(psycopg.Error) if kind.sqlstate}
    missing = {code[:2] for code in codes} - POSTGRESQL.keys() - POSTGRESQL_REFUSED
    assert not missing, (
        f"storage/database/translation.py: neither POSTGRESQL nor POSTGRESQL_REFUSED has {missing}"
    )
    assert not POSTGRESQL.keys() & POSTGRESQL_REFUSED


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.OperationalError("connection refused"), DatabaseUnreachable),
        (sqlstates.AdminShutdown(), DatabaseUnreachable),
        (sqlstates.CannotConnectNow(), DatabaseUnreachable),
        (sqlstates.TooManyConnections(), DatabaseUnreachable),
        (sqlstates.InvalidPassword(), DatabaseUnreachable),
        (sqlstates.IdleInTransactionSessionTimeout(), DatabaseUnreachable),
        (sqlstates.DeadlockDetected(), DatabaseBusy),
        (sqlstates.LockNotAvailable(), DatabaseBusy),
        (sqlstates.DiskFull(), DatabaseNotWritable),
        (sqlstates.ReadOnlySqlTransaction(), DatabaseNotWritable),
        (sqlstates.InsufficientPrivilege(), DatabaseNotWritable),
        (sqlstates.DataCorrupted(), DatabaseDamaged),
        (sqlstates.UniqueViolation(), StatementRefused),
        (sqlstates.UndefinedTable(), StatementRefused),
        (sqlalchemy.exc.TimeoutError(), DatabaseBusy),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_are_told_apart_by_what_can_be_done(error: Exception, expected: type):
    assert type(translate(error, SHOWN)) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SQLITE_BUSY_SNAPSHOT", DatabaseBusy),
        ("SQLITE_CANTOPEN", DatabaseNotWritable),
        ("SQLITE_IOERR_READ", DatabaseUnreachable),
        ("SQLITE_READONLY_DBMOVED", DatabaseNotWritable),
        ("SQLITE_FULL", DatabaseNotWritable),
        ("SQLITE_NOTADB", DatabaseDamaged),
        ("SQLITE_CONSTRAINT_UNIQUE", StatementRefused),
    ],
)
def test_sqlites_errors_are_told_apart_by_their_names(name: str, expected: type):
    error = sqlite3.OperationalError("something happened")
    error.sqlite_errorname = name
    assert type(translate(error, SHOWN)) is expected
