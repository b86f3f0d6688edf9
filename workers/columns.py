"""What a column of a table is read as: decided once, and written down with the study.

Whoever reads the same columns later (a resumed study, a test file, a prediction) reads them by this
record and decides nothing again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a column holds; the last six are no inputs, and left out."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DURATION = "duration"
    CATEGORY = "category"
    IDENTIFIER = "identifier"
    CONSTANT = "constant"
    TEXT = "text"
    UNSUPPORTED = "unsupported"
    DROPPED = "dropped"
    ROLE = "role"


INPUT_KINDS = (Kind.NUMBER, Kind.BOOLEAN, Kind.DATE, Kind.DURATION, Kind.CATEGORY)
"""The kinds that networks are given, and those that data.types may name."""


class Role(StrEnum):
    """What a column is for."""

    FEATURE = "feature"
    TARGET = "target"
    SPLIT = "split"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Column:
    """A column, by its name in the table, and how its values are read.

    levels are a category's, in the order of its inputs; with `other` the last of them stands for
    every value that is not listed. origin is the day zero of a date, in ISO form; its number is
    the days since then, that of a duration or time of day its seconds. missing are words that are
    no value of a number, boolean, date or duration, beside the customary ones. lenient: numbers may
    have leading zeros, and commas between groups of three digits. why says for a person why a
    column is left out.

    The kind of a target is `number`, `boolean` or `category`, by which its labels are read; that
    of a split or group column is `role`.
    """

    name: str
    kind: Kind
    role: Role = Role.FEATURE
    levels: tuple[str, ...] = ()
    other: bool = False
    origin: str | None = None
    missing: tuple[str, ...] = ()
    lenient: bool = False
    why: str = ""

    @property
    def is_input(self) -> bool:
        """Whether networks are given it."""
        return self.role is Role.FEATURE and self.kind in INPUT_KINDS

    @property
    def is_numeric(self) -> bool:
        """Whether it is an input that is one number."""
        return self.is_input and self.kind is not Kind.CATEGORY

    def document(self) -> dict[str, Any]:
        """The record as plain JSON values, without what is as it is by default."""
        given = asdict(self)
        defaults = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in given.items() if value != defaults[name]}


def roles_of(columns: tuple[Column, ...]) -> Mapping[Role, Column]:
    """The target, split and group columns of a record, where it has them."""
    return {column.role: column for column in columns if column.role is not Role.FEATURE}
