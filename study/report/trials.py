"""Single trials of a report: the best ones, the one that overfits most, and what they are."""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

from study.analysis import (
    Measurements,
    distinct_trials,
    generalization_gaps,
    learned,
    learning,
)
from study.analysis.effects.labels import level_labels
from study.analysis.trials import best_trials
from study.report.style import estimated, percent, points
from study.specification.spec import LONGEST_NAME, Objective, Sampler, StudySpec
from study.specification.yaml_reader import write_document
from workers.configuration import HYPERPARAMETERS

FILES = ("source", "test")  # fields of the section data that may name a file
BEST = "-best"  # what is added to the name of a study whose best configuration is copied
BESIDE = "# Put the data file beside this specification, or write its whole path."


def varying(measurements: Measurements) -> list[str]:
    """The hyperparameters in which the complete trials differ."""
    kept = distinct_trials(measurements.results)
    return [name for name in HYPERPARAMETERS if kept[name].nunique(dropna=False) > 1]


def is_truth_table(measurements: Measurements) -> bool:
    """Whether all examples there are serve for training, validation and test: no gap to measure."""
    return learning.is_truth_table(measurements.splits)


def first_objective(measurements: Measurements) -> Objective:
    """What the search ranks trials by."""
    return Objective(measurements.specification["objective"][0])


def is_baseline(measurements: Measurements, trial: int) -> bool:
    """Whether the specification asked for this trial's configuration before any search."""
    row = measurements.results.set_index("trial").loc[trial]
    return any(
        all(_same(row[name], level) for name, level in configuration.items())
        for configuration in measurements.specification["baseline"]
    )


def _same(found: Any, level: Any) -> bool:
    """Whether a baseline names the level that was found; it may spell 0.3 as 0.1 + 0.2."""
    if isinstance(found, float) and isinstance(level, float):
        return math.isclose(found, level, rel_tol=1e-15)
    return bool(found == level)


def base_rate(measurements: Measurements) -> float:
    """The test accuracy of always saying the most frequent class, the mean over replicates."""
    return float(measurements.splits["majority_test_accuracy"].mean())


def best_trial(measurements: Measurements) -> int:
    """The best by the first objective, the earliest of equal ones: as the search chose."""
    objective = first_objective(measurements)
    kept = distinct_trials(measurements.results).sort_values("trial")
    values = kept[objective.value].to_numpy(dtype=np.float64)
    place = values.argmax() if objective.direction == "maximize" else values.argmin()
    return int(kept["trial"].iloc[int(place)])


def most_overfitting_trial(measurements: Measurements) -> int:
    """The largest gap among trials that learned something, or among all where none did; the best
    trial on a truth table."""
    if is_truth_table(measurements):
        return best_trial(measurements)
    kept = distinct_trials(measurements.results)
    learned_trials = kept[learned(kept, measurements.splits)]
    rows = kept if learned_trials.empty else learned_trials
    place = rows["generalization_gap"].to_numpy(dtype=np.float64).argmax()
    return int(rows["trial"].iloc[int(place)])


def described(measurements: Measurements, trial: int) -> str:
    """The trial's number and the hyperparameters in which trials differ."""
    row = measurements.results.set_index("trial").loc[trial]
    shown = partial(_shown, measurements)
    named = (f"{n.replace('_', ' ')} {shown(n, row[n])}" for n in varying(measurements))
    inside = ", ".join(named)
    return f"trial {trial} ({inside})" if inside else f"trial {trial}"


def best_table(measurements: Measurements) -> pd.DataFrame:
    """The best trials by the first objective, a row each, as text: what they are, how well they do.

    Columns are headings: trial, the hyperparameters that vary, then accuracies in percent, gaps in
    points and losses in nats, with 95 % intervals. A dash where there is no such number.
    """
    spec = StudySpec.model_validate(measurements.specification)
    ranked = best_trials(measurements.results, spec)
    gaps = generalization_gaps(measurements.replicates, measurements.splits).set_index("trial")
    names = varying(measurements)
    return pd.DataFrame(
        [
            {
                "trial": str(row["trial"]),
                **{name.replace("_", " "): _shown(measurements, name, row[name]) for name in names},
                "validation": percent(row["validation_accuracy"]),
                "train": percent(row["train_accuracy"]),
                "test (95 %)": _with_interval(gaps, row, "test_accuracy", "test"),
                "balanced test": _or_dash(row["balanced_test_accuracy"], percent),
                "gap in points (95 %)": "–"
                if is_truth_table(measurements)
                else _with_interval(gaps, row, "generalization_gap", "gap"),
                "train loss": _or_dash(row["train_loss"], nats),
                "test loss": _or_dash(row["test_loss"], nats),
                "loss gap": _or_dash(row["loss_gap"], nats),
            }
            for row in ranked.to_dict("records")
        ]
    )


def nats(value: float) -> str:
    """A loss, to three digits behind the point."""
    return f"{value:.3f}"


def _or_dash(value: Any, shown: Callable[[float], str]) -> str:
    return "–" if pd.isna(value) else shown(float(value))


def _with_interval(gaps: pd.DataFrame, row: dict[Any, Any], name: str, prefix: str) -> str:
    shown = points if name == "generalization_gap" else percent
    if row["trial"] not in gaps.index:  # it lacks a replicate
        return _or_dash(row[name], shown)
    own = gaps.loc[row["trial"]]
    return estimated(own[name], own[f"{prefix}_low"], own[f"{prefix}_high"], shown)


def configuration_yaml(measurements: Measurements, trial: int) -> str:
    """A specification that trains this configuration alone: every hyperparameter is fixed.

    A file of data is named as it was given where that is relative, else by its name alone, and a
    comment says so: a report is handed on, and the folders of a machine are nobody else's concern.
    """
    row = measurements.results.set_index("trial").loc[trial]
    specification = measurements.specification
    data = _without_none(specification["data"])
    named = {field: file_name(data[field]) for field in FILES if field in data}
    document = {
        "name": f"{specification['name'][: LONGEST_NAME - len(BEST)]}{BEST}",
        "seed": specification["seed"],
        "data": data | named,
        "search": {name: _plain(row[name]) for name in HYPERPARAMETERS if not pd.isna(row[name])},
        "training": _without_none(
            {
                key: value
                for key, value in specification["training"].items()
                if key not in (*HYPERPARAMETERS, "early_stopping")
            }
        ),
        "sampler": Sampler.GRID.value,  # one configuration is a grid of one point
    }
    text = write_document(document)
    if any(named[field] != data[field] for field in named):
        return f"{BESIDE}\n{text}"
    return text


def file_name(source: str) -> str:
    """A data source without the folders of the machine that it lies on: unchanged if relative."""
    path = PurePath(source)
    return path.name if path.is_absolute() else source


def number(count: int, of: str) -> str:
    """1 trial, 2 trials."""
    return f"{count} {of}" if count == 1 else f"{count} {of}s"


def _without_none(section: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if value is not None}


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _shown(measurements: Measurements, hyperparameter: str, value: Any) -> str:
    if pd.isna(value):
        return "none"
    if not isinstance(value, float):
        return str(value)
    return _labels(measurements, hyperparameter).get(value) or f"{value:.3g}"


@lru_cache(maxsize=16)
def _labels(measurements: Measurements, hyperparameter: str) -> dict[float, str]:
    """What tells the levels apart that the trials have; {} of a continuum, which has none."""
    dimension = measurements.specification["search"][hyperparameter]
    values = measurements.results[hyperparameter].dropna().unique().tolist()
    return level_labels(values, dimension)
