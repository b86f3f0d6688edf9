"""Single trials of a report: the best one, the one that overfits most, and what they are."""

from typing import Any

import numpy as np
import pandas as pd
import yaml

from study.analysis import Measurements, distinct_trials, learned, learning
from study.specification.spec import Objective, Sampler
from workers.configuration import HYPERPARAMETERS


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
        all(row[name] == level for name, level in configuration.items())
        for configuration in measurements.specification["baseline"]
    )


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
    named = (f"{name.replace('_', ' ')} {_shown(row[name])}" for name in varying(measurements))
    inside = ", ".join(named)
    return f"trial {trial} ({inside})" if inside else f"trial {trial}"


def configuration_yaml(measurements: Measurements, trial: int) -> str:
    """A specification that trains this configuration alone: every hyperparameter is fixed."""
    row = measurements.results.set_index("trial").loc[trial]
    specification = measurements.specification
    document = {
        "name": f"{specification['name']}-best",
        "seed": specification["seed"],
        "data": _without_none(specification["data"]),
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
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def number(count: int, of: str) -> str:
    """1 trial, 2 trials."""
    return f"{count} {of}" if count == 1 else f"{count} {of}s"


def _without_none(section: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if value is not None}


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _shown(value: Any) -> str:
    if pd.isna(value):
        return "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
