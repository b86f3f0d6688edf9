"""What a study measured for or against a claim: an estimate with its uncertainty."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, FloatDistribution
from scipy import stats

from study.analysis.gradient_flow import SMALLEST
from study.analysis.intervals.correctness import IntArray, outcomes_on_test
from study.analysis.intervals.random_effects import FloatArray, crossed_precision
from study.analysis.measurements import Measurements
from study.analysis.proportions import share_difference, share_interval
from study.errors import InvalidInput
from study.specification.claims import Claim, Quantity
from study.specification.levels import level_or_itself
from study.specification.space import search_space
from study.specification.spec import StudySpec

# The first and the second set of a comparison; None: a value instead of trials.
ComparedTrials: TypeAlias = tuple[IntArray, IntArray | None]


@dataclass(frozen=True)
class Evidence:
    """An estimate, its 95 % interval, and the two-sided p-value of any other value."""

    estimate: float
    low: float
    high: float
    p_value_of: Callable[[float], float]


def compared_trials(measurements: Measurements, claim: Claim) -> ComparedTrials | None:
    """The trials that a claim names; None where one of the sets is empty."""
    first = _trials(measurements, claim.of)
    second = None if claim.against is None else _trials(measurements, claim.against)
    missing = len(first) == 0 or (second is not None and len(second) == 0)
    return None if missing else (first, second)


def _trials(measurements: Measurements, levels: Mapping[str, Any]) -> IntArray:
    """The numbers of the complete trials at these levels, copies included: they are the same."""
    results = measurements.results
    space = search_space(StudySpec.model_validate(measurements.specification))
    chosen = results["state"] == "COMPLETE"
    for name, level in levels.items():
        if name not in results.columns:
            raise InvalidInput(f"claims: {name!r} is not a hyperparameter")
        chosen &= _at_level(results[name], level, space.get(name))
    return results.loc[chosen, "trial"].to_numpy(dtype=np.int64)


def _at_level(
    found: "pd.Series[Any]", level: object, distribution: BaseDistribution | None
) -> "pd.Series[bool]":
    """Which trials have the level, however it and theirs are spelt."""
    if level is None:
        return found.isna()
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        level = level_or_itself(distribution, level)
        found = found.map({one: level_or_itself(distribution, one) for one in found.unique()})
    return (found == level).fillna(False).astype(bool)


def evidence_of(
    measurements: Measurements,
    claim: Claim,
    first: IntArray,
    second: IntArray | None,
) -> Evidence:
    """For the difference first − second, or first − the claim's value."""
    if claim.quantity is Quantity.SOLVED:
        return _share(measurements, claim, first, second)
    values, offsets, fixed = _table(measurements, claim.quantity, first)
    if second is not None:
        other_values, other_offsets, _ = _table(measurements, claim.quantity, second)
        values, offsets = values - other_values, offsets - other_offsets
    estimate = float(values.mean() + offsets.mean()) - (claim.value or 0.0)
    precision = crossed_precision(values, offsets, fixed_examples=fixed)
    margin = float(precision.margin())

    def p_value_of(hypothesis: float) -> float:
        return float(precision.p_value(np.asarray(estimate - hypothesis)))

    return Evidence(estimate, estimate - margin, estimate + margin, p_value_of)


def _table(
    measurements: Measurements, quantity: Quantity, trials: IntArray
) -> tuple[FloatArray, FloatArray, bool]:
    """The trials' mean as values [R, N] and offsets [R], and whether only replicates vary."""
    if quantity is Quantity.GRADIENT_RATIO:
        ratios = _gradient_ratios(measurements, trials)
        return np.zeros((len(ratios), 1)), ratios, True
    outcomes = outcomes_on_test(measurements.replicates, measurements.splits)
    chosen = np.isin(outcomes.trials, trials)
    train = outcomes.train_accuracy[chosen].mean(axis=0)
    correct = outcomes.contributions[chosen].mean(axis=0)
    if quantity is Quantity.TRAIN_ACCURACY:
        return np.zeros((len(train), 1)), train, True
    if quantity is Quantity.TEST_ACCURACY:
        return correct, np.zeros(len(train)), outcomes.fixed_examples
    return -correct, train, outcomes.fixed_examples


def _gradient_ratios(measurements: Measurements, trials: IntArray) -> FloatArray:
    """[R]: log10 of first layer's / last layer's gradient norm before training."""
    layers = measurements.layer_statistics
    layers = layers[layers["trial"].isin(trials) & (layers["epoch"] == 0)]
    layers = layers.sort_values("layer")
    norms = layers.groupby(["trial", "replicate"])["gradient_norm"].agg(["first", "last"])
    ratios = norms.clip(lower=SMALLEST).apply(np.log10)
    by_replicate = (ratios["first"] - ratios["last"]).groupby("replicate").mean()
    return np.asarray(by_replicate, dtype=np.float64)


def _share(
    measurements: Measurements,
    claim: Claim,
    first: IntArray,
    second: IntArray | None,
) -> Evidence:
    """Fisher's exact test of two shares, the exact binomial test of one."""
    solved, count = _solved(measurements, first)
    if second is None:
        value = claim.value or 0.0
        low, high = share_interval(solved, count)

        def p_value_of(hypothesis: float) -> float:
            rate = min(max(value + hypothesis, 0.0), 1.0)
            return float(stats.binomtest(solved, count, rate).pvalue)

        return Evidence(solved / count - value, low - value, high - value, p_value_of)
    found = share_difference(solved, count, *_solved(measurements, second))
    return Evidence(found.estimate, found.low, found.high, lambda _: found.p_value)


def _solved(measurements: Measurements, trials: IntArray) -> tuple[int, int]:
    rows = measurements.replicates[measurements.replicates["trial"].isin(trials)]
    return int((rows["train_accuracy"] >= 1.0).sum()), len(rows)


def values_of(
    measurements: Measurements, claim: Claim, compared: ComparedTrials | None
) -> tuple[float, float]:
    """The quantity on either side; NaN where there are no trials."""
    if compared is None:
        return np.nan, np.nan
    values = []
    for trials in compared:
        if trials is None:
            values.append(float(claim.value or 0.0))
        elif claim.quantity is Quantity.SOLVED:
            solved, count = _solved(measurements, trials)
            values.append(solved / count)
        else:
            table, offsets, _ = _table(measurements, claim.quantity, trials)
            values.append(float(table.mean() + offsets.mean()))
    return values[0], values[1]
