"""The trials that effects are of, and the level of every hyperparameter that each of them has."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.effects.labels import labels_of
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
        words = dict(zip(known.tolist(), labels_of(known.tolist()), strict=True))
        order = [*words.values(), *(["none"] if values.isna().any() else [])]
        named = values.map(lambda value: "none" if pd.isna(value) else words[value])
        return named.astype(pd.CategoricalDtype(order, ordered=True))
    numbers = values.astype("float64")
    edges = np.unique(np.quantile(numbers.dropna(), [0.0, 0.25, 0.5, 0.75, 1.0]))
    if (known == np.floor(known)).all():
        edges = np.unique(np.floor(edges))
        ends = edges.astype(np.int64).tolist()
        pairs = list(zip([ends[0], *(end + 1 for end in ends[1:-1])], ends[1:], strict=True))
    else:
        pairs = list(itertools.pairwise(edges.tolist()))
    return pd.cut(numbers, edges.tolist(), labels=_named(pairs), include_lowest=True)


def _named(pairs: list[tuple[float, float]]) -> list[str]:
    """A label per pair of ends, in the shortest form that tells all ends apart."""
    ends = labels_of([end for pair in pairs for end in pair], digits=2)
    named = zip(ends[::2], ends[1::2], strict=True)
    return [first if first == last else f"{first} – {last}" for first, last in named]
