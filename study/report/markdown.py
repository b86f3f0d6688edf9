"""A report as Markdown, for a terminal or a repository: the words and the tables."""

import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from study.report.building import Report
from study.report.glossary import terms_in
from study.report.style import estimated, percent, points, shown_p
from study.specification.claims import Quantity


def as_markdown(report: Report) -> str:
    """Everything but the pictures."""
    answer, cautions = map(escaped, report.answer), map(escaped, report.cautions)
    parts = [f"# {escaped(report.study)}", *answer, *(f"> {word}" for word in cautions)]
    if report.claims is not None:
        parts += ["## Claims", claims_table(report.claims)]
    parts += [
        "## The best configurations",
        _best(report.best_table),
    ]
    parts += ["## The best configuration, to copy", f"```yaml\n{report.configuration}```"]
    if report.data:
        parts += ["## The data, as they were read", "```\n" + "\n".join(report.data) + "\n```"]
    facts = [(label, escaped(text)) for label, text in report.facts.items()]
    facts += [("failed", escaped(reason)) for reason in report.failures]
    parts += ["## How the study was run", table_of(["", ""], facts)]
    terms = terms_in("\n".join(parts))
    if terms:
        parts += ["## Words", *(f"**{term}**: {meaning}" for term, meaning in terms.items())]
    return "\n\n".join(parts) + "\n"


def _best(table: pd.DataFrame) -> str:
    head, *rows = turned(table)
    return table_of(head, [tuple(map(escaped, row)) for row in rows])


def turned(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """A table of texts, a row per column: its heading, then a cell per trial. A dozen things about
    five trials are too wide the other way round."""
    return [(str(heading), *table[heading]) for heading in table.columns]


CLAIM_HEAD = ("claim", "verdict", "quantity", "estimate", "difference (95 % interval)", "p (Holm)")


def claims_table(claims: pd.DataFrame) -> str:
    """A row per claim: its verdict, the quantity on both sides, their difference, p by Holm."""
    rows = [map(escaped, claim_cells(row)) for row in claims.to_dict("records")]
    return table_of(CLAIM_HEAD, [(says, f"**{verdict}**", *rest) for says, verdict, *rest in rows])


def claim_cells(row: Mapping[Hashable, Any]) -> tuple[str, ...]:
    """A row of study.analysis.verdicts as texts under CLAIM_HEAD, for every place that shows one.

    Accuracies, gaps and shares are in percent and their differences in points; a gradient ratio is
    a power of ten, as it is. A dash where the trials of a claim are not there.
    """
    is_share = row["quantity"] != Quantity.GRADIENT_RATIO.value
    level, change = (percent, points) if is_share else (_plain, _signed)
    unit = " points" if is_share else ""
    known = not math.isnan(row["difference"])
    difference = estimated(row["difference"], row["low"], row["high"], change)
    return (
        row["says"],
        row["verdict"],
        row["quantity"].replace("_", " "),
        f"{level(row['first'])} vs {level(row['second'])}" if known else "–",
        f"{difference}{unit}" if known else "–",
        shown_p(row["p_holm"]),
    )


def _plain(value: float) -> str:
    return f"{value:.2f}"


def _signed(value: float) -> str:
    return f"{value:+.2f}"


_MARKUP = re.compile(
    r"[`*~]|\\(?=[!-/:-@\[-`{-~])|<(?=[a-zA-Z/!?])|(?<=\])(?=\()|&(?=#?\w+;)|\b_|_\b"
    r"|(?<!\w):(?=[\w+-]+:)|:(?=[\w+-]*[a-zA-Z][\w+-]*:)",  # :smile:, but no time of day
    re.ASCII,
)


def escaped(text: str) -> str:
    """The text so that Markdown shows it as it is: names and claims are anybody's words.

    Only what Markdown would obey is marked, so that it can be read as it is written, too.
    """
    return _MARKUP.sub(lambda found: f"\\{found[0]}", text)


def table_of(head: Iterable[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: every row is a line, whatever its cells contain."""
    headings = list(head)
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.splitlines()).replace("|", "\\|")
