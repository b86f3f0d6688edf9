"""Samplers without a memory: a trial's parameters follow from the study's seed and its number.

So the same study gives the same trials whatever the number of workers, the order in which they
finish, and the failures on the way.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Space = Mapping[str, BaseDistribution]
# Purposes of the sampling streams, apart from those that training draws from the same seed.
_RANDOM, _GRID, _QMC = 101, 102, 103


def random_parameters(space: Space, seed: int, number: int) -> dict[str, Any]:
    """Independent draws from every distribution."""
    rng = default_rng(SeedSequence([seed, _RANDOM, number]))
    return from_unit_cube(space, rng.random(len(space)))


def grid_parameters(
    levels: Mapping[str, tuple[Any, ...]], seed: int, number: int
) -> dict[str, Any] | None:
    """The grid's point for this number, None past its end.

    The points are visited in a shuffled order, so that a study that is stopped early has seen
    every level.
    """
    size = math.prod(len(choice) for choice in levels.values())
    if number >= size:
        return None
    rng: Generator = default_rng(SeedSequence([seed, _GRID]))
    index = int(rng.permutation(size)[number])
    parameters = {}
    for name, choice in reversed(list(levels.items())):
        index, digit = divmod(index, len(choice))
        parameters[name] = choice[digit]
    return {name: parameters[name] for name in levels}


def qmc_parameters(space: Space, seed: int) -> Callable[[int], dict[str, Any]]:
    """A scrambled Sobol sequence (Owen 1998; scipy.stats.qmc): number → its point."""
    from scipy.stats import qmc

    def point(number: int) -> dict[str, Any]:
        engine = qmc.Sobol(len(space), scramble=True, rng=default_rng(SeedSequence([seed, _QMC])))
        if number:
            engine.fast_forward(number)
        return from_unit_cube(space, engine.random(1)[0])

    return point


def from_unit_cube(space: Space, point: np.ndarray[Any, Any]) -> dict[str, Any]:
    """The parameters at a point of [0, 1)^d, one coordinate per distribution, in order."""
    return {
        name: _quantile(distribution, float(u))
        for (name, distribution), u in zip(space.items(), point, strict=True)
    }


def _quantile(distribution: BaseDistribution, u: float) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        choices = distribution.choices
        return choices[min(int(u * len(choices)), len(choices) - 1)]
    if not isinstance(distribution, IntDistribution | FloatDistribution):
        raise TypeError(f"no quantiles for {type(distribution).__name__}")
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is not None and not distribution.log:
        steps = round((high - low) / step)
        value = low + step * min(int(u * (steps + 1)), steps)
        return type(low)(value) if isinstance(distribution, IntDistribution) else min(value, high)
    if isinstance(distribution, IntDistribution):  # log: every whole number owns [n - ½, n + ½)
        a, b = math.log(low - 0.5), math.log(high + 0.5)
        return min(max(round(math.exp(a + u * (b - a))), low), high)
    if distribution.log:
        a, b = math.log(low), math.log(high)
        return min(max(math.exp(a + u * (b - a)), low), high)
    return low + u * (high - low)
