"""Designs: samplers whose trials' parameters follow from the study's seed and the trial's number.

So the same study gives the same trials whatever the number of workers, the order in which they
finish, and the failures on the way. A new one is a function here, with its entry in DESIGNS.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.random import SeedSequence, default_rng
from optuna.distributions import (
    BaseDistribution,
    FloatDistribution,
    IntDistribution,
)

from study.sampling.permutation import Permutation
from study.specification.levels import Space, level_at, level_count
from study.specification.spec import Sampler, StudySpec

Parameters = dict[str, Any]
# A trial's number → its parameters; None past the design's end.
Design = Callable[[int], Parameters | None]

# Purposes of the sampling streams, apart from those that training draws from the same seed.
_RANDOM, _GRID, _QMC = 101, 102, 103


def random_parameters(space: Space, seed: int, number: int) -> Parameters:
    """Independent draws from every distribution."""
    rng = default_rng(SeedSequence([seed, _RANDOM, number]))
    return from_unit_cube(space, rng.random(len(space)))


def grid_parameters(space: Space, seed: int) -> Design:
    """Every point of the grid once: number → its point.

    The points are visited in a shuffled order, so that a study that is stopped early has seen
    every level.
    """
    counts = {name: _count(name, distribution) for name, distribution in space.items()}
    shuffled = Permutation(math.prod(counts.values()), SeedSequence([seed, _GRID]))

    def point(number: int) -> Parameters | None:
        if number >= shuffled.size:
            return None
        index = shuffled[number]
        parameters = {}
        for name, count in reversed(counts.items()):
            index, digit = divmod(index, count)
            parameters[name] = level_at(space[name], digit)
        return {name: parameters[name] for name in space}

    return point


def _count(name: str, distribution: BaseDistribution) -> int:
    count = level_count(distribution)
    if count is None:
        raise ValueError(f"search.{name}: a grid needs levels; give a list or a step")
    return count


def qmc_parameters(space: Space, seed: int) -> Design:
    """A scrambled Sobol sequence (Owen 1998; scipy.stats.qmc): number → its point."""
    from scipy.stats import qmc

    def point(number: int) -> Parameters:
        engine = qmc.Sobol(len(space), scramble=True, rng=default_rng(SeedSequence([seed, _QMC])))
        if number:
            engine.fast_forward(number)
        return from_unit_cube(space, engine.random(1)[0])

    return point


def from_unit_cube(space: Space, point: np.ndarray[Any, Any]) -> Parameters:
    """The parameters at a point of [0, 1)^d, one coordinate per distribution, in order."""
    return {
        name: _quantile(distribution, float(u))
        for (name, distribution), u in zip(space.items(), point, strict=True)
    }


def _quantile(distribution: BaseDistribution, u: float) -> Any:
    count = level_count(distribution)
    is_log = isinstance(distribution, IntDistribution) and distribution.log
    if count is not None and not is_log:
        return level_at(distribution, min(int(u * count), count - 1))
    if not isinstance(distribution, IntDistribution | FloatDistribution):
        raise TypeError(f"no quantiles for {type(distribution).__name__}")
    low, high = distribution.low, distribution.high
    if isinstance(distribution, IntDistribution):  # every whole number owns [n - ½, n + ½)
        a, b = math.log(low - 0.5), math.log(high + 0.5)
        return min(max(round(math.exp(a + u * (b - a))), low), high)
    if distribution.log:
        a, b = math.log(low), math.log(high)
        return min(max(math.exp(a + u * (b - a)), low), high)
    return low + u * (high - low)


def _random_design(spec: StudySpec, space: Space) -> Design:
    return lambda number: random_parameters(space, spec.seed, number)


def _grid_design(spec: StudySpec, space: Space) -> Design:
    return grid_parameters(space, spec.seed)


def _qmc_design(spec: StudySpec, space: Space) -> Design:
    return qmc_parameters(space, spec.seed)


DESIGNS: Mapping[Sampler, Callable[[StudySpec, Space], Design]] = {
    Sampler.RANDOM: _random_design,
    Sampler.GRID: _grid_design,
    Sampler.QMC: _qmc_design,
}
"""How each design is laid out over a specification's space, which has at least one axis; a grid
raises ValueError for a range without levels."""
