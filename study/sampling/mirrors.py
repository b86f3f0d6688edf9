"""Samplers that learn, on an in-memory mirror of the study.

In the mirror finished, running and just-proposed trials are all present when the sampler is asked.
The rows in SQL are then written in one batch.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from storage.trials.records import FinishedTrial
from study.sampling.designs import Parameters, Space
from study.sampling.tpe.search import ParzenSearch
from study.specification.spec import StudySpec


class OptunaProposer:
    """An Optuna sampler on an in-memory copy of the study."""

    def __init__(self, spec: StudySpec, space: Space, sampler: BaseSampler) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = dict(space)
        self._mirrored: dict[int, int] = {}  # number in the study → number in the mirror
        self._storage = InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage,
            sampler=sampler,
            directions=[objective.direction for objective in spec.objective],
        )
        self._study_id = self._storage.get_study_id_from_name(self._study.study_name)

    def propose(self, numbers: Sequence[int], given: Sequence[Parameters]) -> list[Parameters]:
        self._drop_unwritten(numbers)
        proposals = []
        for number, decided in zip(numbers, given, strict=True):
            if decided:
                self._study.enqueue_trial(decided)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                trial = self._study.ask(self._space)
            self._mirrored[number] = trial.number
            proposals.append(dict(trial.params))
        return proposals

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None:
        for trial in trials:
            if trial.number not in self._mirrored:
                self._add_to_mirror(trial.number, trial.state, _contents(trial))

    def add_results(self, trials: Iterable[FinishedTrial]) -> None:
        for trial in trials:
            known = self._mirrored.get(trial.number)
            if known is not None:
                self._end_trial(known, trial)

    def _drop_unwritten(self, numbers: Iterable[int]) -> None:
        """Drop what was proposed for these numbers and never written: the database was away."""
        for number in numbers:
            if number in self._mirrored:
                self._study.tell(self._mirrored.pop(number), None, TrialState.FAIL)

    def _add_to_mirror(self, number: int, state: TrialState, contents: Mapping[str, Any]) -> None:
        try:
            trial = create_trial(state=state, **contents)
        except ValueError:
            return  # someone enqueued a value outside its range: the sampler does without it
        self._mirrored[number] = self._storage.get_n_trials(self._study_id)
        self._study.add_trial(trial)

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

    def propose(self, numbers: Sequence[int], given: Sequence[Parameters]) -> list[Parameters]:
        self._drop_unwritten(numbers)
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

    def _drop_unwritten(self, numbers: Iterable[int]) -> None:
        """Drop what was proposed for these numbers and never written: the database was away."""
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


def _contents(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "params": trial.params,
        "distributions": trial.distributions,
        "values": trial.values,
        "system_attrs": trial.system_attrs,
        "intermediate_values": trial.intermediate_values,
    }
