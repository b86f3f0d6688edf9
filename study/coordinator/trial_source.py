"""Where a coordinator's next trials come from, in this order: those that a coordinator left
behind, those that others enqueued, the baseline, and then the sampler's proposals."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from storage.reading.recorded_trial import read_recorded_numbers
from storage.studies.leases import Lease
from storage.trials.records import FinishedTrial, NewTrial
from storage.trials.storage import TrialStorage
from study.sampling.admission import as_of_search, tried_configurations
from study.sampling.designs import Parameters, random_parameters
from study.sampling.proposers import Proposer
from study.specification.dimensions import Range
from study.specification.levels import Space
from study.specification.space import (
    configuration_of,
    search_space,
    searched_part,
    space_size,
)
from study.specification.spec import StudySpec
from workers.configuration import Configuration
from workers.segment import TrialWork

# How often the database is asked for trials that others enqueued.
SECONDS_BETWEEN_CHECKS = 2.0
# Trials that an adaptive sampler proposes at once for one slot.
ADAPTIVE_BATCH = 16
# … and for all slots together, if that leaves one for each: in a cluster of hundreds of slots a
# study would be over before the sampler had seen a single result.
ADAPTIVE_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class RefusedTrial:
    """A trial that somebody else made, and that this search cannot train."""

    trial: int
    reason: str


@dataclass(slots=True)
class TrialSource:
    """Asks in batches: one transaction writes all trials of a batch, RUNNING, with parameters.

    trials_in_all bounds the number of trials the study may have; None: as many as there are. A grid
    is over as well when every point has been tried.
    """

    spec: StudySpec
    storage: TrialStorage
    study_id: int
    lease: Callable[[], Lease]
    proposer: Proposer
    baseline: Sequence[Parameters]
    trials_in_all: int | None
    clock: Callable[[], float] = time.monotonic
    _next_check: float = float("-inf")
    _used_up: bool = False
    _created: int = 0
    _orphans: list[FrozenTrial] = field(default_factory=list)
    _tried: set[Configuration] = field(default_factory=set)  # where the space is finite
    _space: Space = field(init=False)
    _size: int | None = field(init=False)

    def __post_init__(self) -> None:
        self._space = search_space(self.spec)
        self._size = space_size(self.spec)

    def resume(self, trials: Iterable[FrozenTrial], ours: Set[int]) -> dict[int, str]:
        """Go on from the study's trials as the database has them; ours are in the coordinator's
        hands, other RUNNING ones were left behind.

        Returns the finished ones that this search could not have made, by number, with what is
        wrong with them: they are left aside.
        """
        trials = list(trials)
        known, left_aside = [], {}
        self._created, self._orphans = 0, []
        for trial in trials:
            self._created = trial.number + 1
            if trial.state is TrialState.RUNNING and trial.number not in ours:
                self._orphans.append(trial)
            try:
                known.append(as_of_search(trial, self._space, len(self.spec.objective)))
            except ValueError as error:
                if trial.state.is_finished():
                    left_aside[trial.number] = str(error)
        if self._size is not None:
            recorded = read_recorded_numbers(self.storage.database, self.spec.name)
            self._tried |= tried_configurations(self.spec, trials, recorded)
        self.proposer.add_trials(t for t in known if t.state is not TrialState.WAITING)
        return left_aside

    @property
    def space(self) -> Space:
        """The distribution of every hyperparameter that is searched."""
        return self._space

    @property
    def exhausted(self) -> bool:
        """Whether every configuration has been tried, or the sampler has no more to propose."""
        return self._used_up or self._untried_points() <= 0

    def orphans(self) -> set[int]:
        """Trials that are RUNNING, and that ask() has not given yet."""
        return {trial.number for trial in self._orphans}

    def has_more(self) -> bool:
        """Whether ask() could still give a trial."""
        if self._orphans or self._may_create(1):
            return True
        return self.storage.batches.has_waiting(self.study_id)

    def ask(self, count: int) -> Sequence[TrialWork | RefusedTrial]:
        """Some next trials, RUNNING in the database: at most count, none where no more are left.

        Trials of different origin come from different calls, so that an error loses none. What
        others enqueued is refused where it lies outside the search.

        Raises:
            LeaseLost: another coordinator has the study.
            DatabaseUnreachable: nothing was written.
        """
        if not self._orphans and self.clock() >= self._next_check:
            self._next_check = self.clock() + SECONDS_BETWEEN_CHECKS
            self._take_waiting(count)
        if self._orphans:
            return self._take_orphans(count)
        return self._create(self._may_create(count))

    def _take_waiting(self, count: int) -> None:
        # To begin them all trials that run are read again; mostly there are none.
        if self.storage.batches.has_waiting(self.study_id):
            waiting = self.storage.batches.start_waiting(self.study_id, self.lease(), limit=count)
            self._orphans = list(waiting)
            self._created = max([self._created, *(trial.number + 1 for trial in waiting)])

    def pass_results(self, trials: Iterable[FinishedTrial]) -> None:
        """Pass the results of trials that have ended on to the sampler."""
        self.proposer.add_results(trials)

    def trials_left(self) -> float:
        """How many trials may still be created."""
        if self.exhausted:
            return 0
        budget = float("inf")
        if self.trials_in_all is not None:
            budget = max(0, self.trials_in_all - self._created)
        return min(budget, self._untried_points())

    def networks_for_a_slot(self, slots: int) -> float:
        """How many networks the trials may train that are asked for at once for one of so many
        slots: an adaptive sampler that is asked for more learns too little from what it has seen.
        """
        if self.spec.sampler.is_design:
            return float("inf")
        trials = min(ADAPTIVE_BATCH, max(1, ADAPTIVE_AT_ONCE // max(slots, 1)))
        return trials * self._networks_per_trial()

    def trials_that_train(self, networks: float) -> int:
        """How many trials to ask for to have about so many networks, at least one."""
        return max(1, round(networks / self._networks_per_trial()))

    def _networks_per_trial(self) -> float:
        """What to expect of a trial that has not been asked for yet."""
        size: Any = self.spec.dimensions()["ensemble_size"]
        if isinstance(size, Range):
            size = (size.low, size.high)
        mean = sum(size) / len(size) if isinstance(size, tuple) else size
        return float(mean * self.spec.training.replicates)

    def _may_create(self, count: int) -> int:
        return int(min(count, self.trials_left()))

    def _untried_points(self) -> float:
        """How many points of a grid are left; infinitely many of what is no grid."""
        if self._size is None or not self.spec.sampler.needs_levels:
            return float("inf")
        return self._size - len(self._tried)

    def _create(self, count: int) -> list[TrialWork]:
        if not count:
            return []
        numbers = range(self._created, self._created + count)
        given = [self.baseline[n] if n < len(self.baseline) else {} for n in numbers]
        proposals, untried = self._until_used_up(self.proposer.propose(numbers, given, self._tried))
        if proposals:
            new = [
                NewTrial(parameters=proposal, distributions=self._space) for proposal in proposals
            ]
            trials = self.storage.batches.create_trials(self.study_id, new, self.lease())
        else:
            trials = []
        # Only now: where the database was away, the same trials are proposed again.
        self._used_up = len(proposals) < count
        self._tried |= untried
        if [trial.number for trial in trials] != list(numbers[: len(trials)]):
            # Another program has added trials meanwhile, which took some of the numbers.
            self.proposer.drop_unwritten(numbers)
            self.proposer.add_trials(trials)
        self._created = max([self._created, *(trial.number + 1 for trial in trials)])
        return [
            self._work(trial.number, parameters)
            for trial, parameters in zip(trials, proposals, strict=True)
        ]

    def _until_used_up(
        self, proposals: list[Parameters]
    ) -> tuple[list[Parameters], set[Configuration]]:
        """The proposals up to the one with which every configuration has been tried, and those
        configurations of them that had not been.

        Where the cut falls does not depend on how the trials are divided into batches.
        """
        untried: set[Configuration] = set()
        if self._size is None:
            return proposals, untried
        for position, parameters in enumerate(proposals):
            if len(self._tried) + len(untried) >= self._size:
                return proposals[:position], untried
            configuration = configuration_of(self.spec, parameters)
            if configuration not in self._tried:
                untried.add(configuration)
        return proposals, untried

    def _take_orphans(self, count: int) -> list[TrialWork | RefusedTrial]:
        """Those that others enqueued have some parameters or none; those taken back have all."""
        batch = self._orphans[:count]
        given: dict[int, Parameters] = {}
        refused: list[RefusedTrial] = []
        for trial in batch:
            try:
                given[trial.number] = searched_part(self.spec, _parameters_given(trial))
            except ValueError as error:
                refused.append(RefusedTrial(trial.number, str(error)))
        taken = [trial for trial in batch if trial.number in given]
        lacking = [t.number for t in taken if not self._space.keys() <= t.params.keys()]
        proposed = self._completed({number: given[number] for number in lacking})
        if proposed:
            written = {number: (parameters, self._space) for number, parameters in proposed.items()}
            self.storage.batches.set_parameters(self.study_id, written, self.lease())
        self.proposer.add_trials(self._whole(t for t in taken if t.number not in proposed))
        self._orphans = self._orphans[count:]
        works = [self._work(number, proposed.get(number, p)) for number, p in given.items()]
        if self._size is not None:
            self._tried |= {work.configuration for work in works}
        return [*refused, *works]

    def _completed(self, given: Mapping[int, Parameters]) -> dict[int, Parameters]:
        """All parameters of trials of which some are decided, by number."""
        proposals = self.proposer.propose(list(given), list(given.values()), self._tried)
        for number, decided in list(given.items())[len(proposals) :]:
            # The space is used up, but somebody wants this trial all the same.
            drawn = random_parameters(self._space, self.spec.seed, number)
            proposals.append({**drawn, **decided})
        return dict(zip(given, proposals, strict=True))

    def _whole(self, trials: Iterable[FrozenTrial]) -> Iterator[FrozenTrial]:
        for trial in trials:
            with suppress(ValueError):  # it has what this search does not: see searched_part
                yield as_of_search(trial, self._space, len(self.spec.objective))

    def _work(self, number: int, parameters: Parameters) -> TrialWork:
        return TrialWork(number, configuration_of(self.spec, parameters))


def _parameters_given(trial: FrozenTrial) -> Mapping[str, Any]:
    # Optuna keeps what enqueue_trial was given under this name.
    enqueued = trial.system_attrs.get("fixed_params")
    return {**(enqueued if isinstance(enqueued, dict) else {}), **trial.params}
