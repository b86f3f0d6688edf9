"""A file is written in the format that its ending names."""

from enum import StrEnum
from pathlib import Path

import pytest

from study.errors import InvalidInput
from study.report.markdown import escaped, table_of
from study.report.outputs.formats import format_of


class Kind(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


FILES = (Kind.CSV, Kind.JSON)


@pytest.mark.parametrize(
    ("output", "style", "chosen"),
    [
        (None, None, Kind.TABLE),
        (None, "csv", Kind.CSV),
        ("r.csv", None, Kind.CSV),
        ("R.CSV", None, Kind.CSV),
        ("r.json", "json", Kind.JSON),
        ("/dev/stdout", "csv", Kind.CSV),
    ],
)
def test_the_ending_or_the_option_says_how(output, style, chosen):
    assert format_of(output and Path(output), style, FILES, Kind.TABLE) is chosen


@pytest.mark.parametrize(
    ("output", "style", "line"),
    [
        ("r.xlsx", None, "found the ending '.xlsx'; files that can be written: .csv, .json"),
        ("r.xlsx", "csv", "found the ending '.xlsx'"),
        ("r", None, "its name has no ending"),
        ("r.csv", "json", "its ending says csv and --format says json"),
        ("r.csv", "table", "--format table is for the terminal"),
        ("r.csv", "xml", "--format: found 'xml'; give one of table, csv, json"),
    ],
)
def test_anything_else_is_refused_with_what_can_be_written(output, style, line):
    with pytest.raises(InvalidInput, match=line):
        format_of(Path(output), style, FILES, Kind.TABLE)


def test_markdown_shows_names_as_they_are():
    assert escaped("[on hold] lr:100:x, a_b p < 0.01") == "[on hold] lr:100:x, a_b p < 0.01"
    assert escaped("<b>x</b> [a](b) *c* `d` &amp;") == r"\<b>x\</b> [a]\(b) \*c\* \`d\` \&amp;"


def test_markdown_shows_what_looks_like_an_emoji_as_it_is():
    assert escaped(":smile: a:tada:b :100: at 12:30:45") == r"\:smile: a\:tada:b \:100: at 12:30:45"


def test_a_row_of_a_markdown_table_is_a_line_whatever_its_cells_contain():
    table = table_of(["a", "b"], [("one\ntwo|three", "four\r\nfive\u2028six")])
    assert table.split("\n") == ["| a | b |", "|---|---|", r"| one two\|three | four five six |"]
    assert len(table.splitlines()) == 3
