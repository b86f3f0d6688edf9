"""The sampler: a study in, parameters for a batch of new trials out."""

import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from numpy.random import SeedSequence
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from study.sampling.tpe.search import INDEPENDENT, RELATIVE, ParzenSearch, random_stream
from study.specification.levels import Space


class BatchTPESampler(BaseSampler):
    """A tree-structured Parzen estimator with one fit per batch and a cost that stays bounded.

    It works in any Optuna study with one objective, with or without the rest of this package:

        optuna.create_study(sampler=BatchTPESampler(seed=0)).optimize(objective, n_trials=100)

    sample_batch is for whoever asks for several trials at once, as `study launch` does with the
    sampler `tpe`. What is proposed is a function of the seed, the study's trials in the order in
    which they finished, and the number of the trial that asks. Between calls the sampler keeps
    nothing but what it has read, so that every trial is read once.

    Raises, whichever method is asked:
        ValueError: the study has several objectives.
        TypeError: a distribution that is not one of Optuna's three.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed = _entropy() if seed is None else seed
        self._reset()

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
        with self._lock:
            return self._search_of(study).propose_batch(search_space, count, given, self._seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """What all complete and pruned trials have in common, but for what has one value only."""
        with self._lock:
            common = self._search_of(study).log.common or {}
        return {name: dist for name, dist in common.items() if not dist.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """All parameters of the space together, avoiding configurations that have been tried."""
        if not search_space:
            return {}
        with self._lock:
            rng = random_stream(self._seed, RELATIVE, trial.number)
            return self._search_of(study).propose(search_space, rng)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """One parameter by itself: at a study's start, and where spaces differ between trials."""
        with self._lock:
            rng = random_stream(self._seed, INDEPENDENT, trial.number, crc32(param_name.encode()))
            return self._search_of(study).propose({param_name: param_distribution}, rng)[param_name]

    def reseed_rng(self) -> None:
        """Go on with another seed, so that copies of this sampler differ."""
        self._seed = _entropy()

    def __getstate__(self) -> dict[str, Any]:
        return {"_seed": self._seed}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self._seed = state["_seed"]
        self._reset()

    def _reset(self) -> None:
        self._searches: weakref.WeakKeyDictionary[Study, ParzenSearch] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def _search_of(self, study: Study) -> ParzenSearch:
        if len(study.directions) > 1:
            raise ValueError(
                f"BatchTPESampler optimizes one objective, the study has {len(study.directions)}; "
                "use NSGAIISampler"
            )
        search = self._searches.get(study)
        if search is None:
            search = ParzenSearch(-1.0 if study.direction is StudyDirection.MAXIMIZE else 1.0)
            self._searches[study] = search
        search.log.read_all(study.get_trials(deepcopy=False))
        return search


def _entropy() -> int:
    drawn = SeedSequence().entropy
    return drawn if isinstance(drawn, int) else 0
