"""Tables compared with recorded ones: to the bit where the same bits are computed, else within a
tolerance."""

import platform
import re
from math import isclose
from pathlib import Path

import pandas as pd

from workers.configuration import HYPERPARAMETERS

# As a replay's between environments that compute different bits.
TOLERANCE = 0.05
# Where and when a trial ran.
CIRCUMSTANCES = frozenset(
    {"worker", "device", "fingerprint", "cohort", "seconds", "started_at", "finished_at"}
)
# What is compared to the bit or not at all: one bit an example, of which the accuracies are the
# shares, and copies of results, which are made within one environment only.
EXACT_ONLY = frozenset({"validation_correct", "test_correct", "duplicate_of"})


def processor() -> str:
    """What the bits of a product may depend on beside what a fingerprint names: libraries choose
    their code by the processor's maker and model, not by its instructions alone."""
    try:
        facts = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    named = re.findall(r"^(vendor_id|cpu family|model)\s*: (.*)$", facts, re.MULTILINE)
    return " ".join(dict(named).values())


def read_table(path: Path) -> pd.DataFrame:
    """A CSV, every value as the text that it is."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def differences(recorded: pd.DataFrame, found: pd.DataFrame, tolerance: float) -> list[str]:
    """Where two tables of texts differ, one line a column; numbers within the tolerance are equal.

    Only what was recorded is looked for: a later version may have more columns.
    """
    if len(recorded) != len(found):
        return [f"{len(recorded)} rows were recorded, {len(found)} were found"]
    lines = []
    for column in recorded.columns:
        if column in CIRCUMSTANCES or (tolerance and column in EXACT_ONLY):
            continue
        if column not in found.columns:
            lines.append(f"column {column} is not there")
            continue
        pairs = zip(recorded[column], found[column], strict=True)
        wrong = [
            (row, *pair)
            for row, pair in enumerate(pairs)
            if not _equal(*pair, tolerance=0.0 if column in HYPERPARAMETERS else tolerance)
        ]
        if wrong:
            row, before, now = wrong[0]
            lines.append(f"{column}: {len(wrong)} differ; first row {row}: {before} was, {now} is")
    return lines


def _equal(recorded: str, found: str, *, tolerance: float) -> bool:
    if recorded == found:
        return True
    try:
        numbers = float(recorded), float(found)
    except ValueError:
        return False
    # What is chosen is the same everywhere; only what is measured may differ.
    return tolerance > 0.0 and isclose(*numbers, rel_tol=tolerance, abs_tol=tolerance)
