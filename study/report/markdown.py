"""A report as Markdown, for a terminal or a repository: the words and the tables."""

from collections.abc import Sequence

import pandas as pd

from study.report.building import Report
from study.report.style import percent, points, shown_p


def as_markdown(report: Report) -> str:
    """Everything but the pictures."""
    parts = [f"# {report.study}", *report.answer, *(f"> {word}" for word in report.cautions)]
    if report.claims is not None:
        parts += ["## Claims", claims_table(report.claims)]
    parts += ["## The best configurations", _best_table(report.best_table)]
    parts += ["## The best configuration, to copy", f"```yaml\n{report.configuration}```"]
    facts = [(label, text) for label, text in report.facts.items()]
    facts += [("failed", reason) for reason in report.failures]
    parts += ["## How the study was run", table_of(["", ""], facts)]
    return "\n\n".join(parts) + "\n"


def claims_table(claims: pd.DataFrame) -> str:
    """A row per claim: its verdict, the quantity on both sides, their difference, p by Holm."""
    rows = [
        (
            row["says"],
            f"**{row['verdict']}**",
            row["quantity"].replace("_", " "),
            f"{row['first']:.3f} vs {row['second']:.3f}",
            f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})",
            shown_p(row["p_holm"]),
        )
        for row in claims.to_dict("records")
    ]
    head = ["claim", "verdict", "quantity", "estimate", "difference (95 % interval)", "p (Holm)"]
    return table_of(head, rows)


def table_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows
    ]
    return "\n".join(lines)


def _best_table(table: pd.DataFrame) -> str:
    rows = [
        (
            str(row["trial"]),
            percent(row["train_accuracy"]),
            f"{percent(row['test_accuracy'])} ({percent(row['test_low'])} to "
            f"{percent(row['test_high'])})",
            f"{points(row['generalization_gap'])} ({points(row['gap_low'])} to "
            f"{points(row['gap_high'])})",
        )
        for row in table.to_dict("records")
    ]
    return table_of(["trial", "train", "test (95 %)", "gap in points (95 %)"], rows)
