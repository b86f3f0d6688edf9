"""Trials that have ended, on their way into the database: kept until a transaction has them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from optuna.trial import TrialState

from storage.studies.leases import Lease
from storage.trials.records import FinishedTrial
from storage.trials.storage import TrialStorage
from study.coordinator.tally import Tally
from study.monitoring import events
from study.monitoring.event import Event


@dataclass(slots=True)
class Ledger:
    """Writes the trials of one study that ended, all at once, and counts those that were written.

    While the database is away, what was added stays.
    """

    storage: TrialStorage
    study_id: int
    lease: Callable[[], Lease]
    tally: Tally
    record_event: Callable[[Event], None]
    _unwritten: list[FinishedTrial] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether every trial that ended is in the database."""
        return not self._unwritten

    def trials(self) -> set[int]:
        """The numbers of those that are not."""
        return {trial.number for trial in self._unwritten}

    def add_ended(self, trial: FinishedTrial) -> None:
        """Take a trial that has ended."""
        self._unwritten.append(trial)

    def commit(self) -> tuple[list[FinishedTrial], list[FinishedTrial]]:
        """Write Optuna's rows and ours in one transaction; the trials that are written now, and
        those that another program had ended or taken back, of which nothing is written.

        Raises:
            LeaseLost: another coordinator took over; nothing was written.
            DatabaseUnreachable: the database is away; the trials are kept.
        """
        if not self._unwritten:
            return [], []
        report = self.storage.batches.finish_trials(self.study_id, self._unwritten, self.lease())
        refused = frozenset(report.refused)
        written = [trial for trial in self._unwritten if trial.number not in refused]
        lost = [trial for trial in self._unwritten if trial.number in refused]
        self._unwritten = []
        for trial in written:
            reason = str(trial.result.get("error") or "")
            self.tally.count_trial(
                trial.number, trial.state, trial.values, trial.user_attributes, reason
            )
        self.record_event(_committed(written))
        return written, lost


def _committed(written: list[FinishedTrial]) -> events.TrialsCommitted:
    states = [trial.state for trial in written]
    return events.TrialsCommitted(
        complete=states.count(TrialState.COMPLETE),
        pruned=states.count(TrialState.PRUNED),
        failed=states.count(TrialState.FAIL),
        copied=sum(trial.result.get("duplicate_of") is not None for trial in written),
        trials=tuple(trial.number for trial in written),
        cohorts=tuple(sorted({str(c) for t in written if (c := t.result.get("cohort"))})),
    )
