"""A file is written in the format that its ending names."""

from enum import StrEnum
from pathlib import Path

import pytest

from study.errors import InvalidInput
from study.report.markdown import escaped
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
