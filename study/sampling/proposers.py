"""Which parameters the next trials have: one table from the specification's sampler to how it
proposes them."""

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Protocol

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from storage.trials.records import FinishedTrial
from study.sampling.designs import DESIGNS, Design, Parameters
from study.sampling.mirrors import BatchTPEProposer, OptunaProposer
from study.specification.levels import Space
from study.specification.space import configuration_of, search_space, space_size
from study.specification.spec import Sampler, StudySpec
from workers.configuration import Configuration


class Proposer(Protocol):
    """Proposes parameters for new trials, by number; learns from those that have finished."""

    def propose(
        self,
        numbers: Sequence[int],
        given: Sequence[Parameters],
        tried: Set[Configuration] = frozenset(),
    ) -> list[Parameters]:
        """Parameters for each number; given[i] are those that are decided already, tried what the
        study's trials had before, where the space is finite.

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

    def propose(
        self,
        numbers: Sequence[int],
        given: Sequence[Parameters],
        tried: Set[Configuration] = frozenset(),
    ) -> list[Parameters]:
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


class GridProposer(DesignProposer):
    """Every point of a grid once: that of the trial's number, or where that has been tried, as by a
    baseline or by what others enqueued, the first that has not.

    What it proposes does not depend on how the trials are divided into batches.
    """

    def __init__(self, spec: StudySpec, point_of: Design, size: int) -> None:
        super().__init__(point_of)
        self._spec = spec
        self._size = size
        self._first = 0  # all points before this one have been tried

    def propose(
        self,
        numbers: Sequence[int],
        given: Sequence[Parameters],
        tried: Set[Configuration] = frozenset(),
    ) -> list[Parameters]:
        proposed: set[Configuration] = set()

        def is_tried(point: Parameters) -> bool:
            configuration = configuration_of(self._spec, point)
            return configuration in tried or configuration in proposed

        while (first := self._parameters_of(self._first)) is not None and is_tried(first):
            self._first += 1
        proposals: list[Parameters] = []
        others = self._points_from(self._first)
        for number, decided in zip(numbers, given, strict=True):
            point = self._parameters_of(number % self._size)
            if point is not None and not decided and is_tried(point):
                point = next((other for other in others if not is_tried(other)), None)
            if point is None:
                break
            proposals.append({**point, **decided})
            proposed.add(configuration_of(self._spec, proposals[-1]))
        return proposals

    def _points_from(self, first: int) -> Iterator[Parameters]:
        for index in itertools.count(first):
            point = self._parameters_of(index)
            if point is None:
                return
            yield point


# From a specification, its search space and a seed, which is the study's for a study that begins,
# and another for one that goes on.
MakeProposer = Callable[[StudySpec, Space, int], Proposer]


def _of_design(sampler: Sampler) -> MakeProposer:
    return lambda spec, space, seed: DesignProposer(DESIGNS[sampler](spec, space))


def _grid(spec: StudySpec, space: Space, seed: int) -> Proposer:
    point_of = DESIGNS[Sampler.GRID](spec, space)
    if spec.data.rules == 1:
        # It was begun by a version in which a trial's point followed from its number alone.
        return DesignProposer(point_of)
    return GridProposer(spec, point_of, space_size(spec) or 1)


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
    Sampler.GRID: _grid,
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
