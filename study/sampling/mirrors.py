"""Samplers that learn, on an in-memory mirror of the study.

In the mirror finished, running and just-proposed trials are all present when the sampler is asked.
The rows in SQL are then written in one batch.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence, Set

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from storage.trials.records import FinishedTrial
from study.sampling.designs import Parameters
from study.sampling.tpe.search import ParzenSearch
from study.specification.levels import Space, level_count, nearest_level
from study.specification.spec import StudySpec
from workers.configuration import Configuration

MOST_WRITTEN_OUT = 2**20  # levels of a range that a sampler may list


class OptunaProposer:
    """An Optuna sampler on an in-memory copy of the study.

    writes_levels_out: the sampler lists all levels of a range in memory, so that it is shown a
    continuum in place of a range with very many.
    """

    def __init__(
        self,
        spec: StudySpec,
        space: Space,
        sampler: BaseSampler,
        *,
        writes_levels_out: bool = False,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = dict(space)
        self._shown = {
            name: _continuum(distribution) if writes_levels_out else distribution
            for name, distribution in space.items()
        }
        self._mirrored: dict[int, int] = {}  # number in the study → number in the mirror
        self._storage = InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage,
            sampler=sampler,
            directions=[objective.direction for objective in spec.objective],
        )
        self._study_id = self._storage.get_study_id_from_name(self._study.study_name)

    def propose(
        self,
        numbers: Sequence[int],
        given: Sequence[Parameters],
        tried: Set[Configuration] = frozenset(),
    ) -> list[Parameters]:
        self.drop_unwritten(numbers)
        proposals = []
        for number, decided in zip(numbers, given, strict=True):
            if decided:
                self._study.enqueue_trial(decided)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                trial = self._study.ask(self._shown)
            self._mirrored[number] = trial.number
            proposals.append(
                {name: nearest_level(self._space[name], v) for name, v in trial.params.items()}
            )
        return proposals

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None:
        for trial in trials:
            if trial.number not in self._mirrored:
                self._add_to_mirror(trial)

    def add_results(self, trials: Iterable[FinishedTrial]) -> None:
        for trial in trials:
            known = self._mirrored.get(trial.number)
            if known is not None:
                self._end_trial(known, trial)

    def drop_unwritten(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if number in self._mirrored:
                self._study.tell(self._mirrored.pop(number), None, TrialState.FAIL)

    def _add_to_mirror(self, trial: FrozenTrial) -> None:
        mirrored = create_trial(
            state=trial.state,
            params=trial.params,
            distributions={name: self._shown[name] for name in trial.params},
            values=trial.values,
            intermediate_values=trial.intermediate_values,
        )
        self._mirrored[trial.number] = self._storage.get_n_trials(self._study_id)
        self._study.add_trial(mirrored)

    def _end_trial(self, known: int, trial: FinishedTrial) -> None:
        if trial.state is TrialState.PRUNED:
            # Optuna takes a pruned trial's last report for its value.
            mirrored = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, known)
            if not self._storage.get_trial(mirrored).state.is_finished():
                for step, value in sorted(trial.intermediate_values.items()):
                    self._storage.set_trial_intermediate_value(mirrored, step, value)
        values = trial.values if trial.state is TrialState.COMPLETE else None
        self._study.tell(known, values, trial.state, skip_if_finished=True)


class BatchTPEProposer:
    """The batched TPE on such a mirror, of what it needs to know: all that are asked for at once
    come from one fit.

    What it proposes is what study.BatchTPESampler.sample_batch proposes in a study
    of the same trials."""

    def __init__(self, spec: StudySpec, space: Space, seed: int) -> None:
        self._space = dict(space)
        self._seed = seed
        self._search = ParzenSearch(-1.0 if spec.objective[0].direction == "maximize" else 1.0)
        self._mirrored: dict[int, int] = {}  # number in the study → number in the mirror
        self._trials: list[FrozenTrial] = []
        self._changed: set[int] = set()  # since the last proposal

    def propose(
        self,
        numbers: Sequence[int],
        given: Sequence[Parameters],
        tried: Set[Configuration] = frozenset(),
    ) -> list[Parameters]:
        self.drop_unwritten(numbers)
        for changed in sorted(self._changed):
            self._search.log.read_one(self._trials[changed])
        self._changed.clear()
        proposals = self._search.propose_batch(self._space, len(numbers), given, self._seed)
        # There are fewer proposals than numbers where the space is used up.
        for number, parameters in zip(numbers, proposals, strict=False):
            self._add_to_mirror(number, TrialState.RUNNING, parameters, self._space)
        return proposals

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None:
        for trial in trials:
            if trial.number not in self._mirrored:
                known = self._add_to_mirror(
                    trial.number, trial.state, trial.params, trial.distributions
                )
                known.values = trial.values
                known.intermediate_values = trial.intermediate_values

    def add_results(self, trials: Iterable[FinishedTrial]) -> None:
        for trial in trials:
            number = self._mirrored.get(trial.number)
            if number is None or self._trials[number].state.is_finished():
                continue
            self._changed.add(number)
            known = self._trials[number]
            known.state = trial.state
            if trial.state is TrialState.COMPLETE and trial.values is not None:
                known.values = list(trial.values)
            known.intermediate_values = dict(trial.intermediate_values)

    def drop_unwritten(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            known = self._mirrored.pop(number, None)
            if known is not None:
                self._trials[known].state = TrialState.FAIL
                self._changed.add(known)

    def _add_to_mirror(
        self,
        number: int,
        state: TrialState,
        parameters: Parameters,
        distributions: Mapping[str, BaseDistribution],
    ) -> FrozenTrial:
        # As it is: Optuna's create_trial would compare every value with its distribution, which
        # costs more than the proposal. The estimator does without values outside their ranges.
        mirrored = len(self._trials)
        trial = FrozenTrial(
            number=mirrored,
            trial_id=mirrored,
            state=state,
            value=None,
            datetime_start=None,
            datetime_complete=None,
            params=parameters,
            distributions=dict(distributions),
            user_attrs={},
            system_attrs={},
            intermediate_values={},
        )
        self._mirrored[number] = mirrored
        self._trials.append(trial)
        self._changed.add(mirrored)
        return trial


def _continuum(distribution: BaseDistribution) -> BaseDistribution:
    if not isinstance(distribution, IntDistribution | FloatDistribution):
        return distribution
    if (level_count(distribution) or 0) <= MOST_WRITTEN_OUT:
        return distribution
    return FloatDistribution(distribution.low, distribution.high, log=distribution.log)
