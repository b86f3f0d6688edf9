"""Many rows into one table with one statement.

SQLAlchemy writes each statement once; the rows go to the driver as tuples, without a pass through
Python for every value. On SQLite that is one prepared statement for all rows. On PostgreSQL plain
rows are streamed by binary COPY, and rows that may replace older ones go as one array per column.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Dialect, Table, types

from storage.schema import UtcDateTime

Row = tuple[Any, ...]


class Statement(NamedTuple):
    """SQL for rows of some columns; processors convert the values of those that need it."""

    sql: str
    processors: tuple[tuple[int, Callable[[Any], Any]], ...]


def insert_rows(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[Row],
    replacing: tuple[str, ...] = (),
) -> None:
    """Insert rows, values in the order of columns.

    replacing names the columns of a unique key: a row that has the same key already gets the new
    values. No key may then be twice among the rows.
    """
    if not rows:
        return
    statement = _statement(table, columns, replacing, connection.dialect)
    if statement.processors:
        rows = [_processed(row, statement.processors) for row in rows]
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement.sql, list(rows))
    elif replacing:
        connection.exec_driver_sql(
            statement.sql, tuple(list(column) for column in zip(*rows, strict=True))
        )
    else:
        _copy(connection, table, columns, statement.sql, rows)


def _copy(
    connection: Connection, table: Table, columns: tuple[str, ...], sql: str, rows: Sequence[Row]
) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(sql) as copy:
        copy.set_types([_postgresql_type(table.c[name]) for name in columns])
        for row in rows:
            copy.write_row(row)


def _processed(row: Row, processors: tuple[tuple[int, Callable[[Any], Any]], ...]) -> Row:
    values = list(row)
    for place, process in processors:
        values[place] = process(values[place])
    return tuple(values)


@lru_cache(maxsize=256)
def _statement(
    table: Table, columns: tuple[str, ...], replacing: tuple[str, ...], dialect: Dialect
) -> Statement:
    names = ", ".join(dialect.identifier_preparer.quote(name) for name in columns)
    target = f"{dialect.identifier_preparer.format_table(table)} ({names})"
    if dialect.name == "sqlite":
        sql = f"INSERT INTO {target} VALUES ({', '.join('?' * len(columns))})"
    elif replacing:
        arrays = ", ".join(f"%s::{_postgresql_type(table.c[name])}[]" for name in columns)
        selected = ", ".join(
            f"u.{name}::{_enum_name(table.c[name])}" if _enum_name(table.c[name]) else f"u.{name}"
            for name in columns
        )
        sql = f"INSERT INTO {target} SELECT {selected} FROM unnest({arrays}) AS u ({names})"
    else:
        sql = f"COPY {target} FROM STDIN (FORMAT binary)"
    if replacing:
        updates = ", ".join(
            f"{name} = excluded.{name}" for name in columns if name not in replacing
        )
        sql += f" ON CONFLICT ({', '.join(replacing)}) DO UPDATE SET {updates}"
    processors = ((place, _processor(table.c[name], dialect)) for place, name in enumerate(columns))
    return Statement(sql, tuple((place, found) for place, found in processors if found))


def _processor(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    # Moments are the only values that the drivers would store in another way than SQLAlchemy.
    if isinstance(column.type, (types.DateTime, UtcDateTime)):
        return column.type.dialect_impl(dialect).bind_processor(dialect)
    return None


def _enum_name(column: Column[Any]) -> str:
    return column.type.name or "" if isinstance(column.type, types.Enum) else ""


# The type that values are sent as; words of an enumeration travel as text. The first that fits.
_POSTGRESQL_TYPES: tuple[tuple[type[types.TypeEngine[Any]], str], ...] = (
    (types.Boolean, "bool"),
    (types.BigInteger, "int8"),
    (types.Integer, "int4"),
    (types.Float, "float8"),
    (types.LargeBinary, "bytea"),
    (UtcDateTime, "timestamptz"),
    (types.DateTime, "timestamp"),
    (types.String, "text"),
)


def _postgresql_type(column: Column[Any]) -> str:
    return next(name for kind, name in _POSTGRESQL_TYPES if isinstance(column.type, kind))
