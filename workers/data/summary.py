"""What was understood of a data set: its rows, its target, its columns, and what was left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.columns import Column, Kind, Role
from workers.data.dataset import Dataset, Side

LEVELS_SHOWN = 4
CLASSES_SHOWN = 8
NAME_SHOWN = 60  # characters of a level or class


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """An input column: what it is read as, its range or levels in a few words, in how many rows
    it is missing ("" in none), and how many inputs of a network it makes."""

    name: str
    kind: str
    contents: str
    missing: str
    inputs: int


@dataclass(frozen=True, slots=True)
class DataSummary:
    """A data set in words. test_rows is None where the test set is drawn from the rows; left_out
    are columns with the reason; groups is the column of groups and how many there are; notes are
    lines for a person, and warnings those not to be missed.
    """

    name: str
    rows: int
    test_rows: int | None
    target: str
    classes: tuple[tuple[str, int], ...]
    groups: tuple[str, int] | None
    columns: tuple[ColumnSummary, ...]
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    inputs: int

    @property
    def heading(self) -> str:
        """Rows, columns and inputs in one line."""
        test = "" if self.test_rows is None else f", {self.test_rows:,} of them for testing"
        columns = "1 column" if len(self.columns) == 1 else f"{len(self.columns):,} columns"
        inputs = "1 input" if self.inputs == 1 else f"{self.inputs:,} inputs"
        return f"data {self.name}: {self.rows:,} rows{test}; {columns} → {inputs}"

    @property
    def target_line(self) -> str:
        """The target's classes, the most frequent first, with their shares of the rows."""
        shown = sorted(self.classes, key=lambda item: -item[1])[:CLASSES_SHOWN]
        listed = ", ".join(f"{cut(name)} {percent(count, self.rows)}" for name, count in shown)
        more = len(self.classes) - len(shown)
        rest = f" and {more:,} more" if more else ""
        return f"target {self.target!r}: {len(self.classes):,} classes ({listed}{rest})"

    @property
    def left_out_lines(self) -> list[str]:
        """A line for each column that is no input, those of one reason together."""
        by_reason: dict[str, list[str]] = {}
        for name, why in self.left_out:
            by_reason.setdefault(why, []).append(repr(cut(name)))
        return [
            f"left out: {', '.join(names[:CLASSES_SHOWN])}"
            + (f" and {len(names) - CLASSES_SHOWN:,} more" if len(names) > CLASSES_SHOWN else "")
            + f" ({why})"
            for why, names in by_reason.items()
        ]

    def lines(self, most_columns: int | None = None) -> list[str]:
        """Everything, a line each; None: however many columns there are.

        Where there are more than most_columns, they are counted by kind.
        """
        found = [self.heading, self.target_line]
        if self.groups is not None:
            found.append(f"group {self.groups[0]!r}: {self.groups[1]:,} groups")
        if most_columns is None or len(self.columns) <= most_columns:
            found += [_column_line(column) for column in self.columns]
        else:
            kinds = [column.kind for column in self.columns]
            counts = (f"{kinds.count(k):,} {_PLURALS.get(k, k)}" for k in dict.fromkeys(kinds))
            found.append(f"  {', '.join(counts)}")
        said = [*self.notes, *(f"warning: {line}" for line in self.warnings)]
        return [*found, *self.left_out_lines, *said]


_PLURALS: dict[str, str] = {
    Kind.NUMBER: "numbers",
    Kind.BOOLEAN: "booleans",
    Kind.DATE: "dates",
    Kind.DURATION: "durations",
    Kind.CATEGORY: "categories",
}


def _column_line(column: ColumnSummary) -> str:
    missing = "" if not column.missing else f"; {column.missing} missing"
    inputs = "" if column.inputs == 1 else f"; {column.inputs:,} inputs"
    return f"  {cut(column.name)}: {column.kind}, {column.contents}{missing}{inputs}"


def percent(count: int, rows: int) -> str:
    """A share of the rows; what is little is not nothing."""
    share = 100.0 * count / rows
    return "< 0.1 %" if 0 < share < 0.05 else f"{share:.1f} %"


def _missing(count: int, rows: int) -> str:
    return f"{count:,} ({percent(count, rows)})" if count else ""


def cut(text: str) -> str:
    """A name that is not too long for a line."""
    return text if len(text) <= NAME_SHOWN else f"{text[: NAME_SHOWN - 1]}…"


def summarize(dataset: Dataset) -> DataSummary:
    """What was understood of a data set, as it is read."""
    records = {column.name: column for column in dataset.columns}
    numbers = dataset.numeric.shape[1]
    columns = [
        *(_number(dataset, place, records) for place in range(numbers)),
        *(_category(dataset, place, numbers) for place in range(len(dataset.levels))),
    ]
    order = {name: place for place, name in enumerate(records)}
    columns.sort(key=lambda column: order.get(column.name, 0))
    counts = np.bincount(dataset.target, minlength=len(dataset.classes)).tolist()
    test = int((dataset.side == Side.TEST).sum())
    target = [c.name for c in dataset.columns if c.role is Role.TARGET]
    return DataSummary(
        name=dataset.name,
        rows=dataset.examples,
        test_rows=test or None,
        target=target[0] if target else "target",
        groups=_groups(dataset),
        classes=tuple(zip(dataset.classes, counts, strict=True)),
        columns=tuple(columns),
        left_out=tuple(
            (c.name, _reason(c))
            for c in dataset.columns
            if c.role is Role.FEATURE and not c.is_input
        ),
        notes=dataset.notes,
        warnings=dataset.warnings,
        inputs=dataset.features,
    )


def _groups(dataset: Dataset) -> tuple[str, int] | None:
    named = [c.name for c in dataset.columns if c.role is Role.GROUP]
    if dataset.groups is None or not named:
        return None
    return named[0], len(np.unique(dataset.groups))


def _reason(column: Column) -> str:
    match column.kind:
        case Kind.IDENTIFIER:
            return f"an identifier: {column.why}"
        case Kind.TEXT:
            return f"free text: {column.why}"
        case Kind.CONSTANT:
            return f"constant: {column.why}"
        case _:
            return column.why


def _number(dataset: Dataset, place: int, records: dict[str, Column]) -> ColumnSummary:
    name, values = dataset.names[place], dataset.numeric[:, place]
    record = records.get(name, Column(name, Kind.NUMBER))
    present = values[~np.isnan(values)]
    contents = "no value"
    if len(present):
        low, high = float(present.min()), float(present.max())
        match record.kind:
            case Kind.DATE:
                contents = (
                    f"{_day(record, low)} to {_day(record, high)}, as days since {record.origin}"
                )
            case Kind.BOOLEAN:
                contents = f"{percent(int(present.sum()), dataset.examples)} true"
            case Kind.DURATION:
                contents = f"{low:.6g} to {high:.6g} seconds"
            case _:
                contents = f"{low:.6g} to {high:.6g}"
    indicator = int(dataset.missing_indicators[place])
    missing = _missing(dataset.examples - len(present), dataset.examples)
    return ColumnSummary(name, record.kind.value, contents, missing, 1 + indicator)


def _day(record: Column, days: float) -> str:
    return str(np.datetime64(record.origin or "1970-01-01", "D") + int(np.floor(days)))


def _category(dataset: Dataset, place: int, numbers: int) -> ColumnSummary:
    levels, codes = dataset.levels[place], dataset.categorical[:, place]
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    frequent: Sequence[int] = np.argsort(-counts, kind="stable")[:LEVELS_SHOWN].tolist()
    more = len(levels) - len(frequent)
    rest = f" and {more:,} more" if more else ""
    shown = ", ".join(
        f"{cut(levels[i])} {percent(int(counts[i]), dataset.examples)}" for i in frequent
    )
    return ColumnSummary(
        dataset.names[numbers + place],
        Kind.CATEGORY.value,
        f"{'1 level' if len(levels) == 1 else f'{len(levels):,} levels'}: {shown}{rest}",
        _missing(int((codes < 0).sum()), dataset.examples),
        len(levels),
    )
