"""Which parameters the next trials have: one table from the specification's sampler to how it
proposes them."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from storage.trials.records import FinishedTrial
from study.sampling.designs import DESIGNS, Design, Parameters
from study.sampling.mirrors import BatchTPEProposer, OptunaProposer
from study.specification.levels import Space
from study.specification.space import search_space
from study.specification.spec import Sampler, StudySpec


class Proposer(Protocol):
    """Proposes parameters for new trials, by number; learns from those that have finished."""

    def propose(self, numbers: Sequence[int], given: Sequence[Parameters]) -> list[Parameters]:
        """Parameters for each number; given[i] are those that are decided already.

        The list is shorter than numbers where a finite space is used up.
        """

    def drop_unwritten(self, numbers: Iterable[int]) -> None:
        """Drop what was proposed for these numbers and never written: the database was away, or
        another program's trials took the numbers."""

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None:
        """Add trials of the study that it did not propose, or does not remember: as this search
        makes them (see study.sampling.admission)."""

    def add_results(self, trials: Iterable[FinishedTrial]) -> None:
        """Add how trials ended that it knows."""


class DesignProposer:
    """Proposals that are a function of the trial's number; results change nothing."""

    def __init__(self, parameters_of: Design) -> None:
        self._parameters_of = parameters_of

    def propose(self, numbers: Sequence[int], given: Sequence[Parameters]) -> list[Parameters]:
        proposals = []
        for number, decided in zip(numbers, given, strict=True):
            parameters = self._parameters_of(number)
            if parameters is None:
                break
            proposals.append({**parameters, **decided})
        return proposals

    def drop_unwritten(self, numbers: Iterable[int]) -> None: ...

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None: ...

    def add_results(self, trials: Iterable[FinishedTrial]) -> None: ...


# From a specification, its search space and a seed, which is the study's for a study that begins,
# and another for one that goes on.
MakeProposer = Callable[[StudySpec, Space, int], Proposer]


def _of_design(sampler: Sampler) -> MakeProposer:
    return lambda spec, space, seed: DesignProposer(DESIGNS[sampler](spec, space))


def _of_optuna(
    make: Callable[[int], BaseSampler], *, writes_levels_out: bool = False
) -> MakeProposer:
    def proposer(spec: StudySpec, space: Space, seed: int) -> Proposer:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # Optuna hands its seed to NumPy's legacy generator, which takes 32 bits.
            sampler = make(seed % 2**32)
            return OptunaProposer(spec, space, sampler, writes_levels_out=writes_levels_out)

    return proposer


def _tpe(spec: StudySpec, space: Space, seed: int) -> Proposer:
    if len(spec.objective) == 1:
        return BatchTPEProposer(spec, space, seed)
    return _of_optuna(lambda s: optuna.samplers.TPESampler(seed=s))(spec, space, seed)


PROPOSERS: Mapping[Sampler, MakeProposer] = {
    **{sampler: _of_design(sampler) for sampler in DESIGNS},
    Sampler.TPE: _tpe,
    Sampler.NSGA2: _of_optuna(lambda seed: optuna.samplers.NSGAIISampler(seed=seed)),
    Sampler.CMAES: _of_optuna(lambda seed: optuna.samplers.CmaEsSampler(seed=seed)),
    Sampler.GP: _of_optuna(
        lambda seed: optuna.samplers.GPSampler(seed=seed), writes_levels_out=True
    ),
}


def proposer_for(spec: StudySpec, *, begun: int = 0) -> Proposer:
    """The proposer that carries out the specification's sampler.

    begun is the number of trials the study has already: an adaptive sampler draws on from a
    stream of its own instead of repeating what it proposed at the start.

    Raises:
        ValueError: sampler grid with a continuous range.
    """
    space = search_space(spec)
    # Without an axis all trials are equal: a grid ends after the first, others have no use for it.
    sampler = spec.sampler if space or spec.sampler.needs_levels else Sampler.RANDOM
    return PROPOSERS[sampler](spec, space, spec.seed + begun)
