"""What each level of a hyperparameter does to a quantity, averaged over all the others."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.bits import IntArray, Outcomes, outcomes_on_test
from study.analysis.crossed import (
    CONFIDENCE,
    BoolArray,
    FloatArray,
    Precision,
    interaction_variance,
)
from study.analysis.finding import Finding
from study.analysis.multiplicity import holm
from study.analysis.trials import distinct_trials, learned

QUANTITIES = ("test_accuracy", "generalization_gap")
MOST_LEVELS = 6  # a hyperparameter with more is cut at its quartiles


def marginal_effects(
    results: pd.DataFrame,
    replicates: pd.DataFrame,
    splits: pd.DataFrame,
    hyperparameters: list[str],
    quantity: str = "generalization_gap",
    *,
    only_learned: bool = False,
    descriptive: bool = False,
    confidence: float = CONFIDENCE,
) -> Finding:
    """One row per hyperparameter and level.

    Columns hyperparameter, level, position (of the level on its axis), trials, mean, low, high;
    effect is the level's mean − the mean of the trials at other levels, with effect_low,
    effect_high, p_value and p_holm (over the levels of one hyperparameter). A trial counts once
    however often it was copied; with only_learned those alone that learned something. NaN where a
    level has a single trial, unless that is so of all levels of the only hyperparameter given.

    Under common random numbers trials share their replicates and examples, so trials, replicates
    and examples vary jointly: the variance is the trials' (Welch, Biometrika 34, 1947) and what
    the replicates and the examples have in common beyond that (three-way random effects).
    """
    kept = distinct_trials(results)
    # Cut before trials are left out: a level means the same with and without them.
    levels_by_name = {name: levels_of(kept[name]) for name in hyperparameters}
    kept = kept.assign(**levels_by_name)
    if only_learned:
        kept = kept[learned(kept, splits)]
    response = _response(outcomes_on_test(replicates, splits), quantity)
    kept = kept.set_index("trial").reindex(response.trials)
    there = kept["state"].notna().to_numpy()
    response, kept = response.only(there), kept[there]
    rows: list[dict[str, Any]] = []
    for name in hyperparameters:
        levels = kept[name].cat.remove_unused_categories()
        labels = list(levels.cat.categories)
        found: list[dict[str, Any]] = []
        # A trial per level and nothing else searched: the levels themselves are compared.
        alone = len(hyperparameters) == 1 and len(labels) == len(levels)
        for position, label in enumerate(labels):
            inside = (levels == label).to_numpy()
            mean, of_mean = _mean(response, inside, alone)
            rest, _ = _mean(response, ~inside, alone)
            of_effect = _precision(response, [inside, ~inside], alone)
            effect = mean - rest
            margin, effect_margin = of_mean.margin(confidence), of_effect.margin(confidence)
            found.append(
                {
                    "hyperparameter": name,
                    "level": str(label),
                    "position": position,
                    "trials": int(inside.sum()),
                    "mean": mean,
                    "low": mean - float(margin),
                    "high": mean + float(margin),
                    "effect": effect,
                    "effect_low": effect - float(effect_margin),
                    "effect_high": effect + float(effect_margin),
                    "p_value": float(of_effect.p_value(np.asarray(effect))),
                }
            )
        adjusted = holm([row["p_value"] for row in found])
        rows += [{**row, "p_holm": p} for row, p in zip(found, adjusted, strict=True)]
    return Finding(pd.DataFrame(rows), descriptive)


def levels_of(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Each trial's level: the value itself, or its quartile where there are many values."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.remove_unused_categories()
    known = np.sort(values.dropna().unique())
    if len(known) <= MOST_LEVELS:
        labels = values.map(lambda value: "none" if pd.isna(value) else f"{value:g}")
        order = [f"{value:g}" for value in known] + (["none"] if values.isna().any() else [])
        return labels.astype(pd.CategoricalDtype(order, ordered=True))
    numbers = values.astype("float64")
    edges = np.unique(np.quantile(numbers.dropna(), [0.0, 0.25, 0.5, 0.75, 1.0]))
    labels_of_bins = [f"{a:.2g} – {b:.2g}" for a, b in itertools.pairwise(edges)]
    return pd.cut(numbers, edges.tolist(), labels=_made_unique(labels_of_bins), include_lowest=True)


def _made_unique(labels: list[str]) -> list[str]:
    return [f"{label} ({i})" if label in labels[:i] else label for i, label in enumerate(labels)]


@dataclass(frozen=True, eq=False)
class _Response:
    """A quantity of T trials: by replicate [T, R] and by test example [T, N] (None: fixed)."""

    trials: IntArray
    by_replicate: FloatArray
    by_example: FloatArray | None

    def only(self, chosen: BoolArray) -> "_Response":
        return _Response(
            self.trials[chosen],
            self.by_replicate[chosen],
            None if self.by_example is None else self.by_example[chosen],
        )


def _response(outcomes: Outcomes, quantity: str) -> _Response:
    accuracy = outcomes.correct.mean(axis=2)
    by_example = None if outcomes.fixed_examples else outcomes.correct.mean(axis=1)
    if quantity == "test_accuracy":
        return _Response(outcomes.trials, accuracy, by_example)
    if quantity == "train_accuracy":
        return _Response(outcomes.trials, outcomes.train_accuracy, None)
    gap = outcomes.train_accuracy - accuracy
    return _Response(outcomes.trials, gap, None if by_example is None else -by_example)


def _mean(response: _Response, inside: BoolArray, alone: bool) -> tuple[float, Precision]:
    if not inside.any():
        return float("nan"), Precision(np.asarray(np.nan), np.asarray(1.0))
    return float(response.by_replicate[inside].mean()), _precision(response, [inside], alone)


def _precision(response: _Response, groups: list[BoolArray], alone: bool) -> Precision:
    """Of the mean of one group of trials, or of the difference of two groups' means."""
    if alone:
        return _precision_of_levels(response, groups)
    if any(inside.sum() < 2 for inside in groups):
        return Precision(np.asarray(np.nan), np.asarray(1.0))
    variance = spread = 0.0
    for inside in groups:
        count = int(inside.sum())
        own = float(response.by_replicate[inside].mean(axis=1).var(ddof=1)) / count
        variance += own
        spread += own**2 / (count - 1)
    for table in (response.by_replicate, response.by_example):
        if table is None or table.shape[1] < 2:
            continue
        common, excess = _shared(table, groups)
        variance += excess
        spread += common**2 / (table.shape[1] - 1) if excess > 0.0 else 0.0
    degrees = variance**2 / spread if spread > 0.0 else 1.0
    return Precision(np.asarray(variance), np.asarray(max(degrees, 1.0)))


def _precision_of_levels(response: _Response, groups: list[BoolArray]) -> Precision:
    """As _precision, of trials that are all there is at their levels.

    Conservative: chance that neither replicate nor example explains counts with both.
    """
    signs = (1.0, -1.0)
    variance = spread = 0.0
    for table in (response.by_replicate, response.by_example):
        if table is None or table.shape[1] < 2 or not all(inside.any() for inside in groups):
            continue
        means = [table[inside].mean(axis=0) for inside in groups]
        contrast = np.sum([sign * mean for sign, mean in zip(signs, means, strict=False)], axis=0)
        own = float(contrast.var(ddof=1)) / table.shape[1]
        variance += own
        spread += own**2 / (table.shape[1] - 1)
    degrees = variance**2 / spread if spread > 0.0 else 1.0
    return Precision(np.asarray(variance if spread > 0.0 else np.nan), np.asarray(degrees))


def _shared(table: FloatArray, groups: list[BoolArray]) -> tuple[float, float]:
    """How much the columns, shared by all trials, vary: in all, and beyond the trials' own."""
    sign = 1.0
    contrast = np.zeros(table.shape[1])
    chance = 0.0
    for inside in groups:
        own = table[inside]
        columns = own.mean(axis=0)
        contrast += sign * columns
        chance += float(interaction_variance(own, own.mean(axis=1), columns)) / own.size
        sign = -sign
    common = float(contrast.var(ddof=1)) / table.shape[1]
    return common, max(common - chance, 0.0)
