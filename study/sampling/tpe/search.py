"""One study as the estimator sees it: its trials, read once each, and parameters for more."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from optuna.distributions import BaseDistribution

from study.sampling.tpe.axes import Axes, Floats
from study.sampling.tpe.history import Observations, TrialLog
from study.sampling.tpe.parzen import fit
from study.sampling.tpe.proposals import parzen_batch, uniform_batch
from study.specification.levels import Space

STARTUP = 10  # trials that are drawn at random before there is something to learn from
SPACES = 64  # remembered per study: one whose ranges change from trial to trial has very many
BATCH, RELATIVE, INDEPENDENT = 1, 2, 3  # purposes of the random streams


def random_stream(seed: int, *purpose: int) -> Generator:
    """A stream of random numbers for one purpose."""
    return default_rng(SeedSequence([seed, *purpose]))


class ParzenSearch:
    """What has been read of one study into log: its trials, and their points by space.

    sign is −1 where the objective is maximized. Not locked.
    """

    def __init__(self, sign: float) -> None:
        self.log = TrialLog()
        self._sign = sign
        self._observations: dict[tuple[tuple[str, BaseDistribution], ...], Observations] = {}

    def propose_batch(
        self, space: Space, count: int, given: Sequence[Mapping[str, Any]], seed: int
    ) -> list[dict[str, Any]]:
        """Parameters for count new trials: see BatchTPESampler.sample_batch."""
        if len(given) > count:
            raise ValueError(f"{len(given)} trials have something given, but {count} are asked for")
        decided = [*given, *({} for _ in range(count - len(given)))]
        observations = self._observations_in(space)
        rng = random_stream(seed, BATCH, self.log.seen)
        fixed = [observations.axes.partial_point(parameters) for parameters in decided]
        points = _propose(observations, fixed, rng)
        proposals = []
        for point, at, parameters in zip(points, fixed, decided, strict=True):
            if point is None and not parameters:
                break
            chosen = point if point is not None else _repeat(observations, at, rng)
            proposals.append({**observations.axes.parameters(chosen), **parameters})
        return proposals

    def propose(self, space: Space, rng: Generator) -> dict[str, Any]:
        """Parameters for one new trial; they repeat a configuration where all have been tried."""
        observations = self._observations_in(space)
        free = observations.axes.partial_point({})
        (point,) = _propose(observations, [free], rng)
        chosen = point if point is not None else _repeat(observations, free, rng)
        return observations.axes.parameters(chosen)

    def _observations_in(self, space: Space) -> Observations:
        key = tuple(space.items())
        # Taken out and put back, so that the space unused for longest is the first to go.
        observations = self._observations.pop(key, None)
        if observations is None:
            observations = Observations(Axes.of(space), self._sign)
        self._observations[key] = observations
        if len(self._observations) > SPACES:
            del self._observations[next(iter(self._observations))]
        observations.update(self.log)
        return observations


def _propose(
    observations: Observations,
    fixed: Sequence[Floats],
    rng: Generator,
) -> list[Floats | None]:
    tried = observations.tried | observations.running_keys
    if observations.scored < STARTUP:
        return uniform_batch(observations.axes, fixed, tried, rng)
    good, others = fit(observations)
    return parzen_batch(observations.axes, good, others, fixed, tried, rng)


def _repeat(observations: Observations, fixed: Floats, rng: Generator) -> Floats:
    """A configuration like the good ones, though all have been tried."""
    good, _ = fit(observations)
    return np.where(np.isnan(fixed), good.draw(1, rng)[0], fixed)
