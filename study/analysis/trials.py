"""Which trials count: complete ones, each configuration once, and the best of them."""

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from study.specification.spec import Objective, StudySpec
from workers.configuration import HYPERPARAMETERS, Configuration

if TYPE_CHECKING:
    from study.specification.levels import Space

BEST_TRIALS = 5


def with_defaults(results: pd.DataFrame) -> pd.DataFrame:
    """The same, where a version that knew less hyperparameters recorded none: their defaults, which
    is what the networks were trained with."""
    filled = {}
    default: Any
    for hyperparameter in fields(Configuration):
        column, default = results[hyperparameter.name], hyperparameter.default
        if default is None or not column.isna().any():
            continue
        if isinstance(column.dtype, pd.CategoricalDtype):
            default = str(default)
            column = column.cat.set_categories(sorted({*column.cat.categories, default}))
        filled[hyperparameter.name] = column.fillna(default)
    return results.assign(**filled)


def in_levels(results: pd.DataFrame, space: "Space") -> pd.DataFrame:
    """The same, where an earlier version recorded 0.30000000000000004 for the level 0.3 of a range
    with a step: the levels."""
    from study.specification.levels import level_or_itself

    numbers = [name for name in space if results[name].dtype == "float64"]
    return results.assign(
        **{name: results[name].map(partial(level_or_itself, space[name])) for name in numbers}
    )


def distinct_trials(results: pd.DataFrame) -> pd.DataFrame:
    """The complete trials without copies: a configuration tried twice is one observation."""
    complete = results[results["state"] == "COMPLETE"]
    return complete[complete["duplicate_of"].isna()]


def varying_hyperparameters(
    results: pd.DataFrame, names: tuple[str, ...] = HYPERPARAMETERS
) -> list[str]:
    """The hyperparameters of names in which the trials differ."""
    results = with_defaults(results)
    return [name for name in names if results[name].nunique(dropna=False) > 1]


def best_trials(results: pd.DataFrame, spec: StudySpec) -> pd.DataFrame:
    """The best complete trials by the first objective, the best one first; no copies of others."""
    objective: Objective = spec.objective[0]
    complete = results[(results["state"] == "COMPLETE") & results["duplicate_of"].isna()]
    ascending = objective.direction == "minimize"
    # A stable sort: of equal trials the earlier one is the better, as in Optuna.
    ranked = complete.sort_values(objective.value, ascending=ascending, kind="stable")
    return ranked.head(BEST_TRIALS)


def best_trial_of(results: pd.DataFrame, objective: Objective) -> int | None:
    """The number of the best complete trial by the objective, the earliest of equal ones; None
    where no complete trial has a value of it."""
    values = results.loc[results["state"] == "COMPLETE", ["trial", objective.value]].dropna()
    if values.empty:
        return None
    ascending = objective.direction == "minimize"
    ranked = values.sort_values(objective.value, ascending=ascending, kind="stable")
    return int(ranked["trial"].iloc[0])
