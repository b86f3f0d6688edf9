"""Rows of numbers come out of PostgreSQL as they went in, whichever way they took."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, MetaData, Table, select

from storage.database.binary_rows import encode_rows
from storage.database.bulk import insert_rows
from storage.database.engine import Database
from storage.database.opening import open_database

NUMBERS = Table(
    "numbers",
    MetaData(),
    Column("place", Integer),
    Column("small", Integer),
    Column("large", BigInteger),
    Column("real", Double),
    Column("truth", Boolean),
)
TYPES = ("int4", "int4", "int8", "float8", "bool")
COLUMNS = ("place", "small", "large", "real", "truth")
PARTS = (
    some.integers(-(2**31), 2**31 - 1),
    some.integers(-(2**63), 2**63 - 1),
    some.floats(),
    some.booleans(),
)
ROW = some.tuples(*PARTS)
SPARSE = some.tuples(*(some.none() | part for part in PARTS))


@pytest.fixture
def numbers(postgres_url: str) -> Database:
    with open_database(postgres_url) as database:
        with database.write() as connection:
            NUMBERS.create(connection)
        yield database


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=some.lists(ROW | SPARSE, max_size=20))
def test_every_number_comes_back_to_the_bit(numbers: Database, rows: list[tuple]):
    placed = [(place, *row) for place, row in enumerate(rows)]
    with numbers.write() as connection:
        connection.execute(NUMBERS.delete())
        insert_rows(connection, NUMBERS, COLUMNS, iter(placed))
        found = connection.execute(select(NUMBERS).order_by(NUMBERS.c.place)).all()
    assert [tuple(map(exactly, row)) for row in found] == [
        tuple(map(exactly, row)) for row in placed
    ]


def exactly(value: object) -> object:
    """What tells -0.0 from 0.0, and has NaN, which is kept as NULL, equal to None."""
    if isinstance(value, float):
        return None if math.isnan(value) else value.hex()
    return value


def test_full_rows_of_numbers_go_as_one_block():
    block = encode_rows(TYPES, [(0, 1, 2**40, 0.5, True), (1, -1, -1, math.inf, False)])
    assert block is not None
    assert block.startswith(b"PGCOPY\n\xff\r\n\x00")


@pytest.mark.parametrize(
    "row",
    [
        (0, None, 1, 0.5, True),
        (0, 1, 1, math.nan, True),
        (0, 2**31, 1, 0.5, True),  # wrapped around by NumPy, refused by the server
        (0, 1.5, 1, 0.5, True),  # cut by NumPy
        (0, 1, 2**63, 0.5, True),
        (0, 1, 1, "0.5", True),
        (0, 1, 1, 0.5, 2),
    ],
)
def test_what_is_no_plain_number_goes_row_by_row(row: tuple):
    assert encode_rows(TYPES, [row]) is None


def test_text_goes_row_by_row():
    assert encode_rows(("int4", "text"), [(1, "one")]) is None


def test_numbers_of_numpy_are_numbers():
    assert encode_rows(TYPES, [(0, np.int32(1), np.int64(2), np.float32(0.5), np.True_)])
