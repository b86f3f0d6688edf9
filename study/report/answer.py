"""The answer in three sentences: how well, how much of it is luck, and what causes the gap."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from study.analysis import (
    Measurements,
    distinct_trials,
    generalization_gaps,
    learned,
    marginal_effects,
    selection_optimism,
)
from study.analysis.effects.importance import FEWEST_TRIALS
from study.report.effects import importance_table
from study.report.style import percent, points
from study.report.trials import best_trial, described, is_truth_table, varying
from study.specification.spec import Sampler


def answer(measurements: Measurements, best: int) -> tuple[str, str, str]:
    """Sentences on the best trial, on what its choice promised, and on what moves the gap."""
    return (
        _how_well(measurements, best),
        _how_lucky(measurements),
        _what_causes(measurements),
    )


def cautions(measurements: Measurements) -> list[str]:
    """What must be known before any number of the study is believed."""
    found = []
    if measurements.descriptive:
        *designs, last = (sampler.value for sampler in Sampler if sampler.is_design)
        found.append(
            f"The sampler {measurements.sampler.value} chose trials by the results of earlier "
            "ones: what is said of levels and importances describes these trials and is no effect. "
            f"For effects, run the search with sampler {', '.join(designs)} or {last}."
        )
    kept = distinct_trials(measurements.results)
    nothing = int((~learned(kept, measurements.splits)).sum())
    if nothing:
        found.append(
            f"{nothing} of {len(kept)} trials did not beat the most frequent class; a network that "
            "learned nothing has no gap, so effects are also given without them."
        )
    noise = measurements.specification["data"]["label_noise"]
    if noise:
        clean = measurements.results.set_index("trial")["train_accuracy_clean"].get(
            best_trial(measurements), float("nan")
        )
        found.append(
            f"{percent(noise, 0)} of the training labels were made wrong on purpose. Train "
            "accuracy and gap count those labels as they were trained on; against the true ones "
            f"the best trial is right on {percent(clean)} of its training examples."
        )
    failed = int((measurements.results["state"] == "FAIL").sum())
    if failed:
        found.append(f"{failed} trials failed and are left out.")
    return found


def _how_well(measurements: Measurements, best: int) -> str:
    gaps = generalization_gaps(measurements.replicates, measurements.splits)
    row = gaps[gaps["trial"] == best].to_dict("records")[0]
    test = f"{percent(row['test_accuracy'])} of test examples"
    interval = f"95 % interval {percent(row['test_low'])} to {percent(row['test_high'])}"
    opening = f"The best of {len(distinct_trials(measurements.results))} configurations, "
    opening += f"{described(measurements, best)}, is right on {test} ({interval})"
    if is_truth_table(measurements):
        return f"{opening}; the data are a complete truth table, so there is no gap to measure."
    return (
        f"{opening} and on {percent(row['train_accuracy'])} of its training examples: a "
        f"generalization gap of {points(row['generalization_gap'], sign=False)} points "
        f"({points(row['gap_low'], sign=False)} to {points(row['gap_high'], sign=False)})."
    )


def _how_lucky(measurements: Measurements) -> str:
    if is_truth_table(measurements):
        seeds = measurements.replicates["train_accuracy"]
        return (
            f"Of all {len(seeds)} seeds of all configurations {percent((seeds >= 1.0).mean())} "
            "learned the whole table."
        )
    table = selection_optimism(measurements.results, measurements.replicates, measurements.splits)
    row = table.iloc[0]
    if row["trials"] == 1:
        return "With a single configuration nothing was selected, so nothing needs correcting."
    as_searched = measurements.specification["objective"][0] == "validation_accuracy"
    picked = "Picked" if as_searched else "Had it been picked"
    return (
        f"{picked} by validation accuracy out of {int(row['trials'])}, the winner promised "
        f"{percent(row['validation_accuracy'])}; corrected for the luck of the pick (BBC) that is "
        f"{percent(row['corrected'])} ({percent(row['corrected_low'])} to "
        f"{percent(row['corrected_high'])})."
    )


def _what_causes(measurements: Measurements) -> str:
    names = varying(measurements)
    kept = distinct_trials(measurements.results)
    trials = int(learned(kept, measurements.splits).sum())
    if not names or trials < (2 if len(names) == 1 else FEWEST_TRIALS):
        return "Too few trials learned something to say which hyperparameter moves what."
    quantity = "test_accuracy" if is_truth_table(measurements) else "generalization_gap"
    called = "test accuracy" if quantity == "test_accuracy" else "the gap"
    top, share = _most_important(measurements, names, quantity)
    table = marginal_effects(
        measurements.results,
        measurements.replicates,
        measurements.splits,
        [top],
        quantity,
        only_learned=True,
        complete=measurements.complete,
    ).table
    if len(table) < 2:
        return f"No hyperparameter moves {called} measurably among the trials that learned."
    *_, high = ranked = table.sort_values("mean").to_dict("records")
    low = ranked[0]
    name = top.replace("_", " ")
    among = "Among the trials this search chose" if measurements.descriptive else "Among trials"
    return (
        f"{among} that learned, {name} explains {share} of the variance of {called}: "
        f"{points(low['mean'], sign=False)} points at "
        f"{low['level']}{_interval(low)} against {points(high['mean'], sign=False)} at "
        f"{high['level']}{_interval(high)}."
    )


def _most_important(measurements: Measurements, names: list[str], quantity: str) -> tuple[str, str]:
    """The hyperparameter that explains most among the trials that learned, and how much."""
    if len(names) == 1:
        return names[0], "all"
    table = importance_table(measurements, quantity)
    return str(table["hyperparameter"].iloc[0]), f"{percent(table['fanova'].iloc[0], 0)} (fANOVA)"


def _interval(row: Mapping[Hashable, Any]) -> str:
    if np.isnan(row["low"]):
        return ""
    return f" ({points(row['low'], sign=False)} to {points(row['high'], sign=False)})"
