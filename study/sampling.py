"""The door to Optuna's samplers: which parameters the next trials have.

Optuna's samplers are asked against an in-memory mirror of the study, in which finished, running
and just-proposed trials are all present. The rows in SQL are then written in one batch.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from study.sequences import Space, grid_parameters, qmc_parameters, random_parameters
from study.space import grid_levels, search_space
from study.spec import Sampler, StudySpec

Parameters = dict[str, Any]
# Samplers whose trials do not depend on one another: see study.sequences.
MEMORYLESS = frozenset({Sampler.RANDOM, Sampler.GRID, Sampler.QMC})


class Proposer(Protocol):
    """Proposes parameters for new trials, by number; learns from those that have finished."""

    def propose(self, numbers: Sequence[int], given: Sequence[Parameters]) -> list[Parameters]:
        """Parameters for each number; given[i] are those that are decided already.

        The list is shorter than numbers where a finite space is used up.
        """

    def observe(self, trials: Iterable[FrozenTrial]) -> None:
        """Take note of trials of the study; those already known are brought up to date."""


def proposer_for(spec: StudySpec, *, begun: int = 0) -> Proposer:
    """The proposer that carries out the specification's sampler.

    begun is the number of trials the study has already: an adaptive sampler draws on from a
    stream of its own instead of repeating what it proposed at the start.

    Raises:
        ValueError: sampler grid with a continuous range.
    """
    space = search_space(spec)
    if spec.sampler is Sampler.GRID:
        levels = {}
        for name, choice in grid_levels(spec).items():
            if choice is None:
                raise ValueError(f"search.{name}: a grid needs levels; give a list or a step")
            levels[name] = choice
        return Memoryless(lambda number: grid_parameters(levels, spec.seed, number))
    if spec.sampler is Sampler.QMC and space:
        return Memoryless(qmc_parameters(space, spec.seed))
    if spec.sampler in MEMORYLESS or not space:
        return Memoryless(lambda number: random_parameters(space, spec.seed, number))
    return Mirror(spec, space, spec.seed + begun)


class Memoryless:
    """Proposals that are a function of the trial's number."""

    def __init__(self, parameters_of: Callable[[int], Parameters | None]) -> None:
        self._parameters_of = parameters_of

    def propose(self, numbers: Sequence[int], given: Sequence[Parameters]) -> list[Parameters]:
        proposals = []
        for number, decided in zip(numbers, given, strict=True):
            parameters = self._parameters_of(number)
            if parameters is None:
                break
            proposals.append({**parameters, **decided})
        return proposals

    def observe(self, trials: Iterable[FrozenTrial]) -> None:
        """Nothing to learn."""


class Mirror:
    """An Optuna sampler on an in-memory copy of the study."""

    def __init__(self, spec: StudySpec, space: Space, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = dict(space)
        self._mirrored: dict[int, int] = {}  # number in the study → number in the mirror
        self._begun: dict[int, optuna.Trial] = {}  # number in the mirror → its open trial
        self._study = optuna.create_study(
            sampler=_optuna_sampler(spec.sampler, seed),
            directions=[objective.direction for objective in spec.objective],
        )

    def propose(self, numbers: Sequence[int], given: Sequence[Parameters]) -> list[Parameters]:
        proposals = []
        for number, decided in zip(numbers, given, strict=True):
            if decided:
                self._study.enqueue_trial(decided)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                trial = self._study.ask(self._space)
            self._mirrored[number] = trial.number
            self._begun[trial.number] = trial
            proposals.append(dict(trial.params))
        return proposals

    def observe(self, trials: Iterable[FrozenTrial]) -> None:
        for trial in trials:
            known = self._mirrored.get(trial.number)
            if known is None:
                self._mirrored[trial.number] = len(self._study.get_trials(deepcopy=False))
                self._study.add_trial(_copy(trial))
            elif trial.state.is_finished():
                self._finish(known, trial)

    def _finish(self, known: int, trial: FrozenTrial) -> None:
        begun = self._begun.pop(known, None)
        if begun is not None and trial.state is TrialState.PRUNED:
            # Optuna takes a pruned trial's last report for its value.
            for step, value in sorted(trial.intermediate_values.items()):
                begun.report(value, step)
        values = trial.values if trial.state is TrialState.COMPLETE else None
        self._study.tell(known, values, trial.state, skip_if_finished=True)


def _copy(trial: FrozenTrial) -> FrozenTrial:
    return create_trial(
        state=trial.state,
        params=trial.params,
        distributions=trial.distributions,
        values=trial.values,
        system_attrs=trial.system_attrs,
        intermediate_values=trial.intermediate_values,
    )


def _optuna_sampler(sampler: Sampler, seed: int) -> BaseSampler:
    # Optuna hands its seed to NumPy's legacy generator, which takes 32 bits.
    seed %= 2**32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if sampler is Sampler.TPE:
            return optuna.samplers.TPESampler(seed=seed)
        if sampler is Sampler.NSGA2:
            return optuna.samplers.NSGAIISampler(seed=seed)
        if sampler is Sampler.CMAES:
            return optuna.samplers.CmaEsSampler(seed=seed)
        if sampler is Sampler.GP:
            return optuna.samplers.GPSampler(seed=seed)
    raise ValueError(f"{sampler} is not one of Optuna's samplers")
