"""Which trials end at a rung, by Optuna's pruners.

A rung is an epoch at which trials report. Optuna's pruners decide on an in-memory copy of the
study that holds nothing but these reports.
"""

from collections.abc import Iterable
from typing import Any

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, SuccessiveHalvingPruner
from optuna.trial import FrozenTrial, TrialState, create_trial

from study.specification.spec import Pruner, StudySpec

# Of the trials that reach a rung about one in so many goes on, and the next rung is so many times
# as far: the budget of every rung is about the same (Jamieson and Talwalkar 2016).
REDUCTION_FACTOR = 3
# A rung so close to the end would prune what is nearly done.
LAST_RUNG_SHARE = 0.75


def rung_epochs(epochs: int) -> tuple[int, ...]:
    """The epochs at which trials report, of a training of so many epochs; the last is not one."""
    rungs = []
    rung = max(1, epochs // REDUCTION_FACTOR**2)
    while rung <= LAST_RUNG_SHARE * epochs:
        rungs.append(rung)
        rung *= REDUCTION_FACTOR
    return tuple(rungs)


class Pruning:
    """Takes the trials' reports at rungs and says which of them end there."""

    def __init__(self, spec: StudySpec) -> None:
        self._epochs = spec.training.epochs
        self._rungs = () if spec.pruner is Pruner.NONE else rung_epochs(self._epochs)
        self._trials: dict[int, optuna.Trial] = {}
        self._reported: set[tuple[int, int]] = set()
        self._study: optuna.Study | None = None
        if self._rungs:
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            self._study = optuna.create_study(
                study_name=spec.name,  # hyperband draws a trial's bracket from it
                direction=spec.objective[0].direction,
                pruner=_optuna_pruner(spec.pruner, self._rungs[0], self._epochs),
            )

    def next_stop(self, epoch: int) -> int:
        """The epoch to which a trial that has been trained for `epoch` epochs goes on."""
        return next((rung for rung in self._rungs if rung > epoch), self._epochs)

    def load_trials(self, trials: Iterable[FrozenTrial]) -> None:
        """Take the study's trials as the database has them; finished ones keep their rungs."""
        if self._study is None:
            return
        for trial in trials:
            if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
                self._study.add_trial(_reports_of(trial))
            elif trial.number not in self._trials:
                self._trials[trial.number] = self._study.ask()

    def should_end(self, trial: int, epoch: int, value: float) -> bool:
        """Report the objective's value after `epoch` epochs; whether the trial ends here."""
        if self._study is None or epoch >= self._epochs:
            return False
        if (trial, epoch) in self._reported:  # trained again after its state was lost
            return False
        self._reported.add((trial, epoch))
        if trial not in self._trials:
            self._trials[trial] = self._study.ask()
        self._trials[trial].report(value, epoch)
        return self._trials[trial].should_prune()

    def end_trial(self, trial: int, state: TrialState, value: float | None) -> dict[str, Any]:
        """Record a trial's end; what a later launch needs to go on pruning (rungs completed)."""
        known = self._trials.pop(trial, None)
        if self._study is None or known is None:
            return {}
        values = value if state is TrialState.COMPLETE else None
        finished = self._study.tell(known, values, state)
        return dict(finished.system_attrs)


def _optuna_pruner(pruner: Pruner, first: int, epochs: int) -> BasePruner:
    if pruner is Pruner.MEDIAN:
        return MedianPruner()
    if pruner is Pruner.SUCCESSIVE_HALVING:
        return SuccessiveHalvingPruner(min_resource=first, reduction_factor=REDUCTION_FACTOR)
    return HyperbandPruner(
        min_resource=first, max_resource=epochs, reduction_factor=REDUCTION_FACTOR
    )


def _reports_of(trial: FrozenTrial) -> FrozenTrial:
    return create_trial(
        state=trial.state,
        value=trial.values[0] if trial.values else None,
        intermediate_values=trial.intermediate_values,
        system_attrs=trial.system_attrs,
    )
