"""The loop of a running study: ask, dispatch, collect, prune, commit.

It only carries out what others decide: study.coordinator.trial_source which trials,
study.coordinator.cohorts which of them together, study.coordinator.policy what follows a failure,
study.sampling.pruning which end early. What must last is in SQL before it counts.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum

from optuna.trial import FrozenTrial, TrialState

from storage.errors import DatabaseUnreachable
from storage.reading.recorded_trial import read_fingerprints, read_recorded_trial
from storage.studies.leases import Lease
from storage.trials.records import FinishedTrial
from storage.trials.storage import TrialStorage
from study.coordinator import rows
from study.coordinator.cohorts import ReadyTrial, networks
from study.coordinator.dispatcher import Dispatcher, TrainedTrial
from study.coordinator.duplicates import Duplicates
from study.coordinator.ledger import Ledger
from study.coordinator.outage import (
    LONGEST_OUTAGE,
    LONGEST_OUTAGE_WHEN_STOPPING,
    DatabaseOutage,
    StoppedWithoutDatabase,
)
from study.coordinator.policy import is_hopeless
from study.coordinator.retries import UntrainableTrial
from study.coordinator.tally import Tally
from study.coordinator.trial_source import RefusedTrial, TrialSource
from study.monitoring import events
from study.monitoring.progress import Progress
from study.sampling.pruning import Pruning
from study.specification.levels import levels_of
from study.specification.space import configuration_of
from study.specification.spec import StudySpec
from workers.pools.pool import PoolUnavailable
from workers.segment import TrialWork

POLL_SECONDS = 0.2
# The study's attribute that holds its running time in seconds over all launches.
SECONDS_SPENT = "seconds_spent"
SECONDS_BETWEEN_TIME_SAVES = 20.0
SECONDS_BETWEEN_OCCUPANCIES = 1.0
SECONDS_BETWEEN_SNAPSHOTS = 0.1  # a display has no use for more


class Ending(Enum):
    """Why a coordinator's loop ended."""

    BUDGET = "the budget is reached"
    EXHAUSTED = "every configuration of the search space has been tried"
    STOPPED = "it was stopped"
    HOPELESS = "every trial failed"


@dataclass(slots=True)
class Coordinator:
    """Runs one study, as the holder of its lease.

    seconds_before is the time that earlier launches spent. stop() may be called from a signal
    handler; run() then leaves within a poll and puts running trials back. want_slots takes how
    many slots of its cluster the study could use.
    """

    spec: StudySpec
    source: TrialSource
    dispatcher: Dispatcher
    pruning: Pruning
    storage: TrialStorage
    study_id: int
    lease: Callable[[], Lease]
    tally: Tally
    progress: Progress
    stop_requested: Callable[[], bool] = lambda: False
    want_slots: Callable[[int], None] = lambda slots: None
    seconds_before: float = 0.0
    clock: Callable[[], float] = time.monotonic
    _duplicates: Duplicates = field(default_factory=Duplicates)
    _stopping: bool = False
    _next_time_save: float = 0.0
    _next_occupancy: float = float("-inf")
    _next_snapshot: float = float("-inf")
    _began: float = field(init=False)
    _seconds: float | None = None  # once the search has ended
    _ended: Ending | None = None
    _outage: DatabaseOutage = field(init=False)
    _ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._ledger = Ledger(
            self.storage, self.study_id, self.lease, self.tally, self.progress.record_event
        )
        self._outage = DatabaseOutage(self._reconcile, self.progress.record_event, self.clock)

    def stop(self) -> None:
        """Ask the loop to end; in a foreground pool this interrupts the training itself."""
        self._stopping = True
        self.dispatcher.interrupt()

    def run(self) -> Ending:
        """Run the study until an Ending.

        Raises:
            LeaseLost: another coordinator took over; nothing more was written.
            DatabaseUnreachable: the database stayed away for too long (StoppedWithoutDatabase:
                it was away when the study was stopped).
            PoolUnavailable: the pool was lost; its trials wait for the next launch.
        """
        self._began = self.clock()
        self._next_time_save = self._began + SECONDS_BETWEEN_TIME_SAVES
        self._load_trials()
        self.progress.record_event(self.tally.began_event())
        try:
            while (ending := self._ending()) is None:
                self._outage.try_once(self._ask_for_trials)
                left = self.source.trials_left()
                self.dispatcher.fill_slots(left)
                self.want_slots(self.dispatcher.usable_slots(left))
                self._handle_results(self.dispatcher.collect_results(POLL_SECONDS))
                self._outage.try_once(self._commit)
                self._outage.try_once(self._save_time_if_due)
                self._report_progress()
        except PoolUnavailable:
            self._put_back(self.dispatcher.cancel_all())
            raise
        finally:
            unfinished = self.dispatcher.cancel_all()
        self._ended = ending
        self._put_back(unfinished)
        self._seconds = self.seconds_spent
        self._show_snapshot()
        self.progress.record_event(self.tally.ended_event(ending.value, self.seconds_spent))
        return ending

    def _put_back(self, unfinished: set[int]) -> None:
        """What is trained is kept; the rest waits, with its parameters, for the next launch."""
        while not self._ledger.is_empty:
            self.retry_until_done(self._commit)
        unfinished |= self.dispatcher.cancel_all() | self._duplicates.waiting_trials()

        def take_back() -> None:
            left = sorted(unfinished | self.source.orphans())
            if left:
                self.storage.batches.take_back(self.study_id, left, self.lease())

        self.retry_until_done(take_back)

    @property
    def seconds_spent(self) -> float:
        """How long the study has been searched, over all launches."""
        if self._seconds is not None:
            return self._seconds
        return self.seconds_before + self.clock() - self._began

    def _ending(self) -> Ending | None:
        bound = self.tally.budget.seconds
        asked = self.stop_requested()
        if self._stopping or asked:
            # Recorded here, not in stop(): a signal handler may interrupt what holds a lock.
            self.progress.record_event(events.StopRequested("database" if asked else "signal"))
            return Ending.STOPPED
        over = bound is not None and self.seconds_spent >= bound
        if is_hopeless(self.tally.complete, self.tally.failed - self.tally.refused):
            return Ending.HOPELESS
        if not over and self._has_more():
            return None
        if self.tally.failed and not self.tally.complete and not self.tally.pruned:
            return Ending.HOPELESS
        return Ending.EXHAUSTED if self.source.exhausted and not over else Ending.BUDGET

    # ── Trials come in ───────────────────────────────────────────────────────────────────────

    def _load_trials(self) -> None:
        trials = self.storage.get_all_trials(self.study_id, deepcopy=False)
        fingerprints = read_fingerprints(self.storage.database, self.spec.name)
        for trial in trials:
            if trial.state.is_finished():
                self.tally.count_trial(trial.number, trial.state, trial.values, trial.user_attrs)
            if trial.state is TrialState.COMPLETE:
                self._remember_complete(trial, fingerprints.get(trial.number))
        self.tally.start_launch()
        left_aside = self.source.resume(trials, ours=set())
        self.pruning.load_trials(t for t in trials if t.number not in left_aside)
        failed = {t.number for t in trials if t.state is TrialState.FAIL}
        self.tally.refused = len(failed & left_aside.keys())
        ended = [number for number in left_aside if number not in failed]
        if ended:
            event = events.TrialsLeftAside(tuple(ended), left_aside[ended[0]])
            self.progress.record_event(event)

    def _remember_complete(self, trial: FrozenTrial, fingerprint: str | None) -> None:
        if fingerprint is not None:
            known = self._duplicates.earlier.setdefault(fingerprint, {})
            with suppress(ValueError):  # an earlier version trained what others enqueued unseen
                levels = levels_of(self.source.space, trial.params)
                known.setdefault(configuration_of(self.spec, levels), trial.number)

    def _ask_for_trials(self) -> None:
        """Have enough trials ready for every free slot."""
        replicates = self.spec.training.replicates
        free = self.dispatcher.free_slots
        if not free:
            return
        target = self.dispatcher.target_networks(self.source.trials_left())
        wanted = free * min(target, self.source.networks_for_a_slot(self.dispatcher.slots))
        have = sum(networks(c.work, replicates) for c in self.dispatcher.ready)
        while have < wanted:
            asked = self.source.ask(self.source.trials_that_train(wanted - have))
            if not asked:
                return
            for work in asked:
                if isinstance(work, RefusedTrial):
                    self._handle_refused(work)
                elif self._train_or_copy(work):
                    have += networks(work, replicates)

    def _train_or_copy(self, work: TrialWork) -> bool:
        """Whether the trial is trained: otherwise it is copied, or waits for its original."""
        original = self._duplicates.original(work)
        if original is not None:
            self._ledger.add_ended(self._copy_of(work, original))
            return False
        if not self._duplicates.start_training(work):
            return False
        self.dispatcher.add_ready([ReadyTrial(work)])
        return True

    def _copy_of(self, work: TrialWork, original: int) -> FinishedTrial:
        measured = read_recorded_trial(self.storage.database, self.spec.name, original)
        trial_id = self.storage.get_trial_id_from_study_id_trial_number(self.study_id, original)
        return rows.copied(work, self.storage.get_trial(trial_id), measured)

    # ── Trials go on or end ──────────────────────────────────────────────────────────────────

    def _handle_results(self, results: list[TrainedTrial | UntrainableTrial]) -> None:
        for item in sorted(results, key=lambda item: item.work.trial):
            if isinstance(item, UntrainableTrial):
                self._handle_untrainable(item)
            else:
                self._handle_trained(item)

    def _handle_trained(self, item: TrainedTrial) -> None:
        self._duplicates.set_environment(item.report.fingerprint)
        trial, epoch = item.work.trial, item.measured.epochs
        values = rows.objective_values(self.spec, item.measured)
        if epoch >= self.spec.training.epochs:
            state = TrialState.COMPLETE
        elif self.pruning.should_end(trial, epoch, values[0]):
            state = TrialState.PRUNED
        else:
            self.dispatcher.add_ready([ReadyTrial(item.work, epoch, item.state)])
            return
        attributes = self.pruning.end_trial(trial, state, values[0])
        if state is TrialState.PRUNED:
            self._train_duplicates_of(item.work)
        cohort = self._cohort_name(item.cohort)
        self._ledger.add_ended(rows.ended(self.spec, state, item, cohort, attributes))

    def _handle_untrainable(self, item: UntrainableTrial) -> None:
        self.pruning.end_trial(item.work.trial, TrialState.FAIL, None)
        self._train_duplicates_of(item.work)
        cohort = self._cohort_name(item.cohort)
        self._ledger.add_ended(rows.failed(item, cohort))
        self.progress.record_event(events.TrialFailed(item.work.trial, cohort, item.reason))

    def _handle_refused(self, item: RefusedTrial) -> None:
        self.pruning.end_trial(item.trial, TrialState.FAIL, None)
        self.tally.refused += 1
        self._ledger.add_ended(rows.refused(self.spec, item.trial, item.reason))
        self.progress.record_event(events.TrialFailed(item.trial, "", item.reason))

    def _train_duplicates_of(self, ended: TrialWork) -> None:
        """The trials that waited for one that has no result are trained themselves."""
        for work in self._duplicates.abandon(ended.configuration):
            self._train_or_copy(work)

    def _cohort_name(self, ticket: int) -> str:
        return cohort_name(self.lease(), ticket)

    def _commit(self) -> None:
        """Optuna's rows and ours of every trial that has ended, in one transaction."""
        written, lost = self._ledger.commit()
        self.source.pass_results(written)
        if lost:
            self._let_go(lost)
        for work in [work for trial in written for work in self._duplicates_waiting_for(trial)]:
            self._train_or_copy(work)

    def _let_go(self, lost: list[FinishedTrial]) -> None:
        """Of trials that another program ended meanwhile, nothing of ours is kept."""
        self.progress.record_event(events.TrialsEndedElsewhere(tuple(t.number for t in lost)))
        # A sampler is not to wait for their results, nor are the trials that wait to be copied.
        self.source.pass_results(
            replace(trial, state=TrialState.FAIL, values=None) for trial in lost
        )
        for trial in lost:
            if trial.state is TrialState.COMPLETE and trial.result.get("duplicate_of") is None:
                configuration = rows.configuration_in(trial.result)
                self._train_duplicates_of(TrialWork(trial.number, configuration))

    def _save_time_if_due(self) -> None:
        """Now and then, the time spent: a budget of hours holds also for one who was killed."""
        if self.clock() >= self._next_time_save:
            self._next_time_save = self.clock() + SECONDS_BETWEEN_TIME_SAVES
            self.save_time()

    def save_time(self) -> None:
        """Store the running time so far, from which later launches count on."""
        self.lease()
        seconds = round(self.seconds_spent, 3)
        self.storage.set_study_user_attr(self.study_id, SECONDS_SPENT, seconds)

    def _duplicates_waiting_for(self, trial: FinishedTrial) -> list[TrialWork]:
        if trial.state is not TrialState.COMPLETE or trial.result.get("duplicate_of") is not None:
            return []
        configuration = rows.configuration_in(trial.result)
        return self._duplicates.record_complete(configuration, trial.number)

    # ── A database that is away ──────────────────────────────────────────────────────────────

    def retry_until_done(self, act: Callable[[], object]) -> None:
        """Act, and wait for a database that is away; after a stop only for a moment.

        Raises:
            StoppedWithoutDatabase: it stayed away.
            DatabaseUnreachable: it stayed away for too long, and nobody had asked for a stop.
        """
        try:
            self._outage.retry(act, self._longest_outage)
        except DatabaseUnreachable as error:
            if self._longest_outage() == LONGEST_OUTAGE:
                raise
            raise StoppedWithoutDatabase(
                f"study {self.spec.name!r} was stopped while its database was away; launched "
                f"again, it goes on with what was running: {error}"
            ) from error

    def _longest_outage(self) -> float:
        stopping = self._stopping or self._ended is Ending.STOPPED
        return LONGEST_OUTAGE_WHEN_STOPPING if stopping else LONGEST_OUTAGE

    def _has_more(self) -> bool:
        more = True  # so long as nobody can say
        if not self._is_idle():
            return more

        def ask_source() -> None:
            nonlocal more
            more = self.source.has_more()

        self._outage.try_once(ask_source)
        return more

    def _reconcile(self) -> None:
        """After an outage of the database: a transaction whose answer was lost may have made
        RUNNING trials that we do not know of."""
        trials = self.storage.get_all_trials(self.study_id, deepcopy=False)
        self.source.resume(trials, ours=self._trials_in_hand())

    def _trials_in_hand(self) -> set[int]:
        waiting = self._duplicates.waiting_trials()
        return self.dispatcher.trials() | waiting | self._ledger.trials()

    def _is_idle(self) -> bool:
        waiting = self._duplicates.waiting_trials()
        return self.dispatcher.is_empty and not waiting and self._ledger.is_empty

    def _report_progress(self) -> None:
        now = self.clock()
        if now >= self._next_occupancy:
            self._next_occupancy = now + SECONDS_BETWEEN_OCCUPANCIES
            self.progress.record_event(self.dispatcher.occupancy)
        if now >= self._next_snapshot:
            self._next_snapshot = now + SECONDS_BETWEEN_SNAPSHOTS
            self._show_snapshot()

    def _show_snapshot(self) -> None:
        self.progress.show_snapshot(
            self.tally.snapshot(
                running=self.dispatcher.trials_running,
                here=self.clock() - self._began,
                spent=self.seconds_spent,
                message="stopping" if self._stopping else "",
            )
        )


def seconds_searched(storage: TrialStorage, study_id: int) -> float:
    """How long a study has been searched over all launches; 0 where no number says so, because
    any Optuna program may write the attribute. Raises StudyNotFound."""
    found = storage.get_study_user_attrs(study_id).get(SECONDS_SPENT)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return 0.0
    return float(found) if 0.0 <= found < float("inf") else 0.0


def cohort_name(lease: Lease, ticket: int) -> str:
    """A cohort's name, unique in its study: tickets begin anew with every coordinator."""
    return f"{lease.epoch}-{ticket}"
