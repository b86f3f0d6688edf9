"""Whether a study's claims hold: computed from what it measured, never written in.

A claim holds, or does not hold, where the difference lies significantly on one side of its margin,
with Holm's correction over the claims of the study at 5 %; otherwise it is not decided. The trials
a claim names are compared as they are, by the mean of each set: replicates and examples vary, and
both sets share them.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.evidence import Evidence, compared_trials, evidence_of, values_of
from study.analysis.intervals.multiplicity import holm
from study.analysis.measurements import Measurements
from study.specification.claims import Claim, Expectation

SIGNIFICANCE = 0.05


class Verdict(StrEnum):
    """What a study says about a claim."""

    HOLDS = "holds"
    FAILS = "does not hold"
    OPEN = "not decided"


def verdicts(measurements: Measurements, claims: Sequence[Claim]) -> pd.DataFrame:
    """One row per claim.

    Columns says, quantity, of, against, expect, margin, first, second (the quantity on each
    side), difference, low, high, p_holm, verdict. "not decided", with NaN, where the trials of a
    claim are not there.
    """
    rows = []
    p_values = []
    for claim in claims:
        compared = compared_trials(measurements, claim)
        evidence = None if compared is None else evidence_of(measurements, claim, *compared)
        p_values.append(np.nan if evidence is None else _p_value(claim, evidence))
        first, second = values_of(measurements, claim, compared)
        rows.append(
            {
                "says": claim.says,
                "quantity": claim.quantity.value,
                "of": _named(claim.of),
                "against": f"{claim.value:.15g}"
                if claim.against is None
                else _named(claim.against),
                "expect": claim.expect.value,
                "margin": claim.margin,
                "first": first,
                "second": second,
                "difference": np.nan if evidence is None else evidence.estimate,
                "low": np.nan if evidence is None else evidence.low,
                "high": np.nan if evidence is None else evidence.high,
            }
        )
    table = pd.DataFrame(rows)
    table["p_holm"] = holm(p_values)
    table["verdict"] = [
        _verdict(claim, difference, p).value
        for claim, difference, p in zip(claims, table["difference"], table["p_holm"], strict=True)
    ]
    return table


def _verdict(claim: Claim, difference: float, p_value: float) -> Verdict:
    if not p_value <= SIGNIFICANCE:  # NaN is not decided
        return Verdict.OPEN
    as_claimed = {
        Expectation.HIGHER: difference > claim.margin,
        Expectation.LOWER: difference < -claim.margin,
        Expectation.EQUAL: abs(difference) < claim.margin,
    }
    return Verdict.HOLDS if as_claimed[claim.expect] else Verdict.FAILS


def _p_value(claim: Claim, evidence: Evidence) -> float:
    """Of the hypothesis that the difference is the margin; for equal, of the margin that is nearer
    to the estimate."""
    if claim.expect is Expectation.HIGHER:
        return evidence.p_value_of(claim.margin)
    if claim.expect is Expectation.LOWER:
        return evidence.p_value_of(-claim.margin)
    return max(evidence.p_value_of(claim.margin), evidence.p_value_of(-claim.margin))


def _named(levels: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {level}" for name, level in levels.items()) or "all trials"
