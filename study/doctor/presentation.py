"""Checks as a table for a person, or as JSON for a program."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from study.doctor.check import Check, Outcome
from study.monitoring.terminal import visible

_STYLES = {Outcome.OK: "green", Outcome.WARNING: "yellow", Outcome.FAILED: "bold red"}


def is_healthy(checks: Sequence[Check]) -> bool:
    """Whether nothing failed."""
    return all(check.outcome is not Outcome.FAILED for check in checks)


def as_table(checks: Sequence[Check]) -> Table:
    """A row a check, the remedy below what was found."""
    table = Table("", "check", "", "what was found, and what to do", expand=False)
    group = ""
    for check in checks:
        found = Text(visible(check.found))
        if check.remedy:
            found.append(visible(f"\n→ {check.remedy}"), style="bold")
        shown = check.group if check.group != group else ""
        group = check.group
        outcome = Text(check.outcome.value, style=_STYLES[check.outcome])
        table.add_row(shown, check.name, outcome, found)
    return table


def as_json(checks: Sequence[Check]) -> str:
    """One object: healthy, and the checks in order."""
    document = {"healthy": is_healthy(checks), "checks": [asdict(check) for check in checks]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
