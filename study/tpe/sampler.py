"""The sampler: a study in, parameters for a batch of new trials out."""

import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from study.tpe.axes import Axes, Space
from study.tpe.axis import Floats
from study.tpe.history import Observations, TrialLog
from study.tpe.proposing import parzen_batch, uniform_batch
from study.tpe.surrogate import fit

STARTUP = 10  # trials that are drawn at random before there is something to learn from
SPACES = 64  # remembered per study: one whose ranges change from trial to trial has very many
_BATCH, _RELATIVE, _INDEPENDENT = 1, 2, 3  # purposes of the random streams


@dataclass
class _Memory:
    """What has been read of one study: its trials, and their points by space."""

    log: TrialLog = field(default_factory=TrialLog)
    observations: dict[tuple[tuple[str, BaseDistribution], ...], Observations] = field(
        default_factory=dict
    )


class BatchTPESampler(BaseSampler):
    """A tree-structured Parzen estimator with one fit per batch and a cost that stays bounded.

    It works in any Optuna study with one objective; sample_batch is for whoever asks for several
    trials at once. What is proposed is a function of the seed, the study's trials in the order in
    which they finished, and the number of the trial that asks. Between calls the sampler keeps
    nothing but what it has read, so that every trial is read once.

    Raises, whichever method is asked:
        ValueError: the study has several objectives.
        TypeError: a distribution that is not one of Optuna's three.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed = _entropy() if seed is None else seed
        self._forget()

    def sample_batch(
        self,
        study: Study,
        search_space: Space,
        count: int,
        given: Sequence[Mapping[str, Any]] = (),
    ) -> list[dict[str, Any]]:
        """Parameters for count new trials, which the caller adds to the study.

        The study's RUNNING trials are taken to be under way. given[i] are parameters of the i-th
        trial that are decided already: they are kept, and the rest is chosen to go with them.
        Where a finite space is used up, the list ends before the first trial that has nothing
        given; trials with something given may then repeat a configuration.
        """
        if len(given) > count:
            raise ValueError(f"{len(given)} trials have something given, but {count} are asked for")
        decided = [*given, *({} for _ in range(count - len(given)))]
        with self._lock:
            memory, observations = self._look(study, search_space)
            rng = self._stream(_BATCH, memory.log.seen)
            fixed = [observations.axes.partial_point(parameters) for parameters in decided]
            points = _propose(observations, fixed, rng)
            proposals = []
            for point, at, parameters in zip(points, fixed, decided, strict=True):
                if point is None and not parameters:
                    break
                chosen = point if point is not None else _repeat(observations, at, rng)
                proposals.append({**observations.axes.parameters(chosen), **parameters})
        return proposals

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """What all complete and pruned trials have in common, but for what has one value only."""
        with self._lock:
            common = self._read(study).log.common or {}
        return {name: dist for name, dist in common.items() if not dist.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """All parameters of the space together, avoiding configurations that have been tried."""
        if not search_space:
            return {}
        return self._sample(study, search_space, self._stream(_RELATIVE, trial.number))

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """One parameter by itself: at a study's start, and where spaces differ between trials."""
        rng = self._stream(_INDEPENDENT, trial.number, crc32(param_name.encode()))
        return self._sample(study, {param_name: param_distribution}, rng)[param_name]

    def reseed_rng(self) -> None:
        """Go on with another seed, so that copies of this sampler differ."""
        self._seed = _entropy()

    def __getstate__(self) -> dict[str, Any]:
        return {"_seed": self._seed}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self._seed = state["_seed"]
        self._forget()

    def _forget(self) -> None:
        self._memories: weakref.WeakKeyDictionary[Study, _Memory] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def _sample(self, study: Study, space: Space, rng: Generator) -> dict[str, Any]:
        with self._lock:
            _, observations = self._look(study, space)
            free = observations.axes.partial_point({})
            (point,) = _propose(observations, [free], rng)
            chosen = point if point is not None else _repeat(observations, free, rng)
            return observations.axes.parameters(chosen)

    def _look(self, study: Study, space: Space) -> tuple[_Memory, Observations]:
        memory = self._read(study)
        key = tuple(space.items())
        # Taken out and put back, so that the space unused for longest is the first to go.
        observations = memory.observations.pop(key, None)
        if observations is None:
            sign = -1.0 if study.direction is StudyDirection.MAXIMIZE else 1.0
            observations = Observations(Axes.of(space), sign)
        memory.observations[key] = observations
        if len(memory.observations) > SPACES:
            del memory.observations[next(iter(memory.observations))]
        observations.read(memory.log)
        return memory, observations

    def _read(self, study: Study) -> _Memory:
        if len(study.directions) > 1:
            raise ValueError(
                f"BatchTPESampler optimizes one objective, the study has {len(study.directions)}; "
                "use NSGAIISampler"
            )
        memory = self._memories.setdefault(study, _Memory())
        memory.log.read(study.get_trials(deepcopy=False))
        return memory

    def _stream(self, *purpose: int) -> Generator:
        return default_rng(SeedSequence([self._seed, *purpose]))


def _propose(
    observations: Observations,
    fixed: Sequence[Floats],
    rng: Generator,
) -> list[Floats | None]:
    tried = observations.tried | observations.under_way
    if observations.scored < STARTUP:
        return uniform_batch(observations.axes, fixed, tried, rng)
    good, others = fit(observations)
    return parzen_batch(observations.axes, good, others, fixed, tried, rng)


def _repeat(observations: Observations, fixed: Floats, rng: Generator) -> Floats:
    """A configuration like the good ones, though all have been tried."""
    good, _ = fit(observations)
    return np.where(np.isnan(fixed), good.draw(1, rng)[0], fixed)


def _entropy() -> int:
    drawn = SeedSequence().entropy
    return drawn if isinstance(drawn, int) else 0
