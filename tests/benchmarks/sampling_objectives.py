"""What samplers are compared on: functions of mixed parameters, all to be minimized.

Two are formulas with a known minimum of 0; the third looks up networks that were really trained.
"""

import csv
import gzip
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

TABLE = Path(__file__).parent / "data" / "digits_grid.csv.gz"
MEASURED = "validation_loss"


@dataclass(frozen=True, slots=True)
class Objective:
    """A function to be minimized over a space."""

    name: str
    space: Mapping[str, BaseDistribution]
    loss: Callable[[Mapping[str, Any]], float]


def network() -> Objective:
    """A made-up network: every hyperparameter's best value depends on another's."""
    space: dict[str, BaseDistribution] = {
        "depth": IntDistribution(1, 8),
        "width": IntDistribution(8, 512, log=True),
        "activation": CategoricalDistribution(["sigmoid", "tanh", "relu", "elu", "maxout"]),
        "initialization": CategoricalDistribution(["uniform", "xavier", "he"]),
        "dropout": FloatDistribution(0.0, 0.6),
        "learning_rate": FloatDistribution(1e-5, 1.0, log=True),
        "weight_decay": FloatDistribution(1e-7, 1e-1, log=True),
    }
    return Objective("network", space, _network_loss)


def _network_loss(p: Mapping[str, Any]) -> float:
    depth, activation = p["depth"], p["activation"]
    best_rate = -2.0 - 0.2 * (depth - 1)  # log₁₀: deep networks want small steps
    rate = 0.15 * (math.log10(p["learning_rate"]) - best_rate) ** 2
    vanishing = {"sigmoid": 0.15, "tanh": 0.05, "maxout": 0.01}.get(activation, 0.0)
    vanishing *= depth - 1
    matching = {"sigmoid": "xavier", "tanh": "xavier"}.get(activation, "he")
    scale = 0.0 if p["initialization"] == matching else 0.05 * depth
    capacity = depth * math.log2(p["width"]) / 8
    underfit = 0.3 * max(0.0, 3.0 - capacity)
    # The larger the network the more dropout it needs, up to 0.4.
    wanted = min(0.4, 0.1 * max(0.0, capacity - 2.0))
    overfit = 1.5 * (p["dropout"] - wanted) ** 2
    decay = 0.02 * (math.log10(p["weight_decay"]) + 4.0) ** 2
    return rate + vanishing + scale + underfit + overfit + decay


def valley() -> Objective:
    """A curved valley whose bend follows from a choice; half of the parameters matter in one of
    the choice's branches only."""
    space: dict[str, BaseDistribution] = {
        "branch": CategoricalDistribution(["curved", "stepped", "flat"]),
        "x": FloatDistribution(-2.0, 2.0),
        "y": FloatDistribution(-1.0, 3.0),
        "scale": FloatDistribution(1e-3, 1e3, log=True),
        "steps": IntDistribution(0, 60, step=3),
        "share": FloatDistribution(0.0, 1.0, step=0.05),
    }
    return Objective("valley", space, _valley_loss)


def _valley_loss(p: Mapping[str, Any]) -> float:
    bowl = 0.1 * math.log10(p["scale"] / 3.0) ** 2
    if p["branch"] == "flat":
        return 1.5 + bowl
    if p["branch"] == "curved":  # Rosenbrock's, made less steep
        return bowl + 0.2 * (1 - p["x"]) ** 2 + 2.0 * (p["y"] - p["x"] ** 2) ** 2
    steps = (p["steps"] - 42) / 60
    return 0.02 + bowl + steps**2 + (p["share"] - 0.35 - steps) ** 2 + 0.1 * abs(p["x"])


def digits_grid() -> Objective:
    """Validation loss of 2,700 networks on the handwritten digits, all trained by this product:

    study launch tests/benchmarks/data/digits_grid.yaml
    """
    with gzip.open(TABLE, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name != MEASURED]
    levels: dict[str, list[Any]] = {name: [] for name in names}
    losses = {}
    for row in rows:
        point = tuple(_number(row[name]) for name in names)
        losses[point] = float(row[MEASURED])
        for name, level in zip(names, point, strict=True):
            if level not in levels[name]:
                levels[name].append(level)
    space = {
        name: CategoricalDistribution(
            choice if isinstance(choice[0], str) else sorted(choice),
        )
        for name, choice in levels.items()
    }
    return Objective("digits_grid", space, lambda p: losses[tuple(p[name] for name in names)])


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


OBJECTIVES: Mapping[str, Callable[[], Objective]] = {
    "network": network,
    "valley": valley,
    "digits_grid": digits_grid,
}
