"""The trials that effects are of, and the level of every hyperparameter that each of them has."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.intervals.correctness import outcomes_on_test
from study.analysis.intervals.responses import Response, response_of
from study.analysis.learning import learned
from study.analysis.trials import distinct_trials

MOST_LEVELS = 8  # a hyperparameter with more is cut at its quartiles


@dataclass(frozen=True, eq=False)
class Population:
    """A quantity of T trials, and levels: a row per trial, a column per hyperparameter."""

    response: Response
    levels: pd.DataFrame

    def of(self, hyperparameter: str) -> "pd.Series[Any]":
        """Each trial's level, without levels that no trial has."""
        return self.levels[hyperparameter].cat.remove_unused_categories()


def population_of(
    results: pd.DataFrame,
    replicates: pd.DataFrame,
    splits: pd.DataFrame,
    hyperparameters: list[str],
    quantity: str,
    *,
    only_learned: bool,
) -> Population:
    """The complete trials, each configuration once; with only_learned those that learned."""
    kept = distinct_trials(results)
    # Cut before trials are left out: a level means the same with and without them.
    levels = pd.DataFrame({name: levels_of(kept[name]) for name in hyperparameters})
    levels.index = pd.Index(kept["trial"])
    if only_learned:
        levels = levels[learned(kept, splits).to_numpy(dtype=bool)]
    response = response_of(outcomes_on_test(replicates, splits), quantity)
    response = response.only(np.isin(response.trials, levels.index))
    return Population(response, levels.loc[response.trials])


def levels_of(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Each trial's level: the value itself, or its quartile where there are many values."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.remove_unused_categories()
    known = np.sort(values.dropna().unique())
    if len(known) <= MOST_LEVELS:
        words = values.map(lambda value: "none" if pd.isna(value) else f"{value:g}")
        order = [f"{value:g}" for value in known] + (["none"] if values.isna().any() else [])
        return words.astype(pd.CategoricalDtype(order, ordered=True))
    numbers = values.astype("float64")
    edges = np.unique(np.quantile(numbers.dropna(), [0.0, 0.25, 0.5, 0.75, 1.0]))
    if (known == np.floor(known)).all():
        edges = np.unique(np.floor(edges))
        first = [edges[0], *(edges[1:-1] + 1)]
        labels = [_between(low, high) for low, high in zip(first, edges[1:], strict=True)]
    else:
        labels = [_between(low, high) for low, high in itertools.pairwise(edges)]
    return pd.cut(numbers, edges.tolist(), labels=_made_unique(labels), include_lowest=True)


def _between(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:.2g} – {high:.2g}"


def _made_unique(labels: list[str]) -> list[str]:
    return [f"{label} ({i})" if label in labels[:i] else label for i, label in enumerate(labels)]
