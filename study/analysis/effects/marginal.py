"""What each level of a hyperparameter does to a quantity, averaged over all the others."""

from typing import Any

import numpy as np
import pandas as pd

from study.analysis.effects.finding import Finding
from study.analysis.effects.population import population_of
from study.analysis.intervals.multiplicity import holm
from study.analysis.intervals.random_effects import (
    CONFIDENCE,
    Precision,
    mean_accuracy_interval,
)
from study.analysis.intervals.responses import Response

QUANTITIES = ("test_accuracy", "generalization_gap")
COLUMNS = [
    "hyperparameter", "level", "position", "trials", "mean", "low", "high",
    "effect", "effect_low", "effect_high", "p_value", "p_holm",
]  # fmt: skip


def marginal_effects(
    results: pd.DataFrame,
    replicates: pd.DataFrame,
    splits: pd.DataFrame,
    hyperparameters: list[str],
    quantity: str = "generalization_gap",
    *,
    only_learned: bool = False,
    complete: bool = False,
    descriptive: bool = False,
    confidence: float = CONFIDENCE,
) -> Finding:
    """One row per hyperparameter and level.

    Columns hyperparameter, level, position (of the level on its axis), trials, mean, low, high;
    effect is the level's mean − the mean of the trials at other levels, with effect_low,
    effect_high, p_value and p_holm (over the levels of one hyperparameter). A trial counts once
    however often it was copied; with only_learned those alone that learned something. NaN where a
    level has a single trial.

    Trials are taken for a sample of the search space, which vary jointly with the replicates and
    examples they share (see study.analysis.intervals.responses). With complete, for a grid that was
    searched to its end, they are all there is, and only replicates and examples vary. Simulated
    coverage of effects that are zero, in 400 studies of 60 trials: 95.3 %.
    """
    population = population_of(
        results, replicates, splits, hyperparameters, quantity, only_learned=only_learned
    )
    response = population.response
    rows: list[dict[str, Any]] = []
    for name in hyperparameters:
        levels = population.of(name)
        labels = list(levels.cat.categories)
        found: list[dict[str, Any]] = []
        for position, label in enumerate(labels):
            inside = (levels == label).to_numpy()
            mean, of_mean = response.contrast([inside], complete=complete)
            effect, of_effect = response.contrast([inside, ~inside], complete=complete)
            low, high = _interval(response, mean, of_mean, confidence)
            effect_margin = of_effect.margin(confidence)
            found.append(
                {
                    "hyperparameter": name,
                    "level": str(label),
                    "position": position,
                    "trials": int(inside.sum()),
                    "mean": mean,
                    "low": low,
                    "high": high,
                    "effect": effect,
                    "effect_low": effect - float(effect_margin),
                    "effect_high": effect + float(effect_margin),
                    "p_value": float(of_effect.p_value(np.asarray(effect))),
                }
            )
        adjusted = holm([row["p_value"] for row in found])
        rows += [{**row, "p_holm": p} for row, p in zip(found, adjusted, strict=True)]
    return Finding(pd.DataFrame(rows, columns=COLUMNS), descriptive)


def _interval(
    response: Response, mean: float, precision: Precision, confidence: float
) -> tuple[float, float]:
    """Of the mean of a level: an accuracy's stays within 0 and 1."""
    if response.is_accuracy and response.correct is not None:
        return mean_accuracy_interval(mean, precision, response.correct.shape[2], confidence)
    margin = float(precision.margin(confidence))
    return mean - margin, mean + margin
