"""Many rows into one table with one statement.

The statement is written once, and the rows go to the driver as tuples, one after the other: a
pass of SQLAlchemy over every value would cost more than the database does. On SQLite that is one
prepared statement for all rows. On PostgreSQL plain rows go by binary COPY, those of numbers alone
as one block, and rows that may replace older ones go as one array per column.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Dialect, Table, types

from storage.database.binary_rows import encode_rows
from storage.tables.schema import UtcDateTime

Row = tuple[Any, ...]
Processors = tuple[tuple[int, Callable[[Any], Any]], ...]


class Statement(NamedTuple):
    """SQL for rows of some columns; processors convert the values of those that need it."""

    sql: str
    processors: Processors


def insert_rows(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Iterable[Row],
    replacing: tuple[str, ...] = (),
) -> None:
    """Insert rows, values in the order of columns.

    replacing names the columns of a unique key: a row that has the same key already gets the new
    values. On PostgreSQL no key may then be twice among the rows.
    """
    statement = _statement(table, columns, replacing, connection.dialect)
    if statement.processors:
        rows = _processed(rows, statement.processors)
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        driver.executemany(statement.sql, rows).close()
        return
    with driver.cursor() as cursor:
        if not replacing:
            rows, types = list(rows), [_postgresql_type(table.c[name]) for name in columns]
            block = encode_rows(types, rows)
            with cursor.copy(statement.sql) as copy:
                if block is not None:
                    copy.write(block)
                    return
                copy.set_types(types)
                for row in rows:
                    # SQLite has no NaN and keeps NULL in its place; so the same is done here.
                    copy.write_row([None if v != v else v for v in row])  # noqa: PLR0124
        elif arrays := [list(column) for column in zip(*rows, strict=True)]:
            cursor.execute(statement.sql, arrays)


def _processed(rows: Iterable[Row], processors: Processors) -> Iterator[Row]:
    for row in rows:
        values = list(row)
        for place, process in processors:
            values[place] = process(values[place])
        yield tuple(values)


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
