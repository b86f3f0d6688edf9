"""The loop of a running study: ask, dispatch, collect, commit.

It only carries out what others decide: study.asking which trials, study.cohorts which of them
together, study.policy what follows a failure. What must last is in SQL before it counts.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum

from optuna.trial import TrialState

from storage.errors import DatabaseUnreachable
from storage.leases import Lease
from storage.trial_records import FinishedTrial
from storage.trials import TrialStorage
from study import records
from study.asking import TrialSource
from study.cohorts import TARGET_NETWORKS, networks, pack
from study.policy import CohortFailure, Remedy, is_hopeless, remedy_for
from study.progress import Progress
from study.spec import StudySpec
from study.tally import Tally
from workers.pool import Completion, Done, Failed, FailureKind, Pool
from workers.segment import Segment, TrialWork

POLL_SECONDS = 0.2
# How long the database may be away before the study stops, to be launched again.
PATIENCE_WITH_THE_DATABASE = 600.0


class Ending(Enum):
    """Why a coordinator's loop ended."""

    BUDGET = "the budget is reached"
    EXHAUSTED = "every configuration of the search space has been tried"
    STOPPED = "it was stopped"
    HOPELESS = "every trial failed"


class StopNow(BaseException):
    """Raised by stop() inside a pool that trains in the foreground, to end the training."""


@dataclass(frozen=True, slots=True)
class Flight:
    """A cohort on its way: its trials, and how many workers it has lost."""

    trials: tuple[TrialWork, ...]
    started_at: datetime
    losses: int = 0


@dataclass(slots=True)
class Coordinator:
    """Runs one study on one pool, as the holder of its lease.

    seconds_before is the time that earlier launches spent. stop() may be called from a signal
    handler; run() then leaves within a poll and puts running trials back.
    """

    spec: StudySpec
    source: TrialSource
    storage: TrialStorage
    study_id: int
    lease: Callable[[], Lease]
    pool: Pool
    tally: Tally
    progress: Progress
    seconds_before: float = 0.0
    clock: Callable[[], float] = time.monotonic
    _ready: list[TrialWork] = field(default_factory=list)
    _retries: list[Flight] = field(default_factory=list)
    _flights: dict[int, Flight] = field(default_factory=dict)
    _unwritten: list[FinishedTrial] = field(default_factory=list)
    _stopping: bool = False
    _collecting: bool = False
    _away_since: float | None = None
    _began: float = 0.0

    def stop(self) -> None:
        """Ask the loop to end; in a foreground pool this interrupts the training itself."""
        self._stopping = True
        if self._collecting and self.pool.in_foreground:
            raise StopNow

    def run(self) -> Ending:
        """Run the study until an Ending.

        Raises:
            LeaseLost: another coordinator took over; nothing more was written.
            DatabaseUnreachable: the database stayed away for too long.
        """
        self._began = self.clock()
        self._adopt()
        try:
            while (ending := self._ending()) is None:
                self._while_reachable(self._fill)
                self._absorb(self._collect())
                self._while_reachable(self._commit)
                self._show()
        finally:
            self.pool.cancel(list(self._flights))
        self._put_back()
        self._show()
        return ending

    @property
    def seconds_spent(self) -> float:
        """The study's running time over all launches."""
        return self.seconds_before + self.clock() - self._began

    def _adopt(self) -> None:
        trials = self.storage.get_all_trials(self.study_id, deepcopy=False)
        for trial in trials:
            if trial.state is TrialState.COMPLETE:
                self.tally.note_complete(trial.number, trial.values, trial.user_attrs)
            elif trial.state is TrialState.FAIL:
                self.tally.note_failed()
        self.tally.begin()
        self.source.adopt(trials, ours=set())

    def _ending(self) -> Ending | None:
        out_of_time = (
            self.tally.budget.seconds is not None
            and self.seconds_spent >= self.tally.budget.seconds
        )
        if self._stopping:
            return Ending.STOPPED
        if out_of_time:
            return Ending.BUDGET
        if is_hopeless(self.tally.complete, self.tally.failed):
            return Ending.HOPELESS
        if self._ready or self._retries or self._flights or self._unwritten:
            return None
        if self.source.has_more():
            return None
        return Ending.EXHAUSTED if self.source.exhausted else Ending.BUDGET

    # ── Dispatching ──────────────────────────────────────────────────────────────────────────

    def _fill(self) -> None:
        """Give every free slot a cohort."""
        free = self.pool.slots() - len(self._flights)
        while free > 0 and self._retries:
            self._dispatch(self._retries.pop(0))
            free -= 1
        if free <= 0:
            return
        replicates = self.spec.training.replicates
        wanted = free * TARGET_NETWORKS
        while (have := sum(networks(work, replicates) for work in self._ready)) < wanted:
            asked = self.source.ask(self.source.trials_that_train(wanted - have))
            if not asked:
                break
            self._ready += asked
        now = datetime.now(UTC)
        for cohort in pack(self._ready, replicates=replicates, slots=free):
            self._dispatch(Flight(cohort, started_at=now))
        self._ready = []

    def _dispatch(self, flight: Flight) -> None:
        settings = self.spec.training.settings()
        segment = Segment(
            trials=flight.trials,
            settings=settings,
            seed=self.spec.seed,
            first_epoch=0,
            last_epoch=settings.epochs,
            label_noise=self.spec.data.label_noise,
        )
        self._flights[self.pool.submit(segment)] = flight

    def _put_back(self) -> None:
        """Give up what runs: those trials wait, with their parameters, for the next launch."""
        given_up = [*self._flights.values(), *self._retries]
        numbers = [work.trial for flight in given_up for work in flight.trials]
        numbers += [work.trial for work in self._ready]
        if numbers:
            self.storage.take_back(self.study_id, numbers, self.lease())
        self._flights, self._retries, self._ready = {}, [], []

    # ── Collecting ───────────────────────────────────────────────────────────────────────────

    def _collect(self) -> Sequence[Completion]:
        self._collecting = True
        try:
            return self.pool.collect(POLL_SECONDS)
        except StopNow:
            return ()
        finally:
            self._collecting = False

    def _absorb(self, completions: Sequence[Completion]) -> None:
        for completion in completions:
            flight = self._flights.pop(completion.ticket)
            run = self._run_of(completion.ticket, flight)
            if isinstance(completion, Done):
                self._unwritten += _completed(self.spec, completion, flight, run)
            else:
                self._mend(completion, flight, run)

    def _mend(self, failure: Failed, flight: Flight, run: records.TrialRun) -> None:
        losses = flight.losses + (failure.kind is FailureKind.WORKER_LOST)
        remedy = remedy_for(CohortFailure(len(flight.trials), failure.kind, losses))
        if remedy is Remedy.RETRY:
            self._retries.append(replace(flight, losses=losses))
        elif remedy is Remedy.SPLIT:
            half = len(flight.trials) // 2
            self._retries.append(replace(flight, trials=flight.trials[:half], losses=0))
            self._retries.append(replace(flight, trials=flight.trials[half:], losses=0))
        else:
            (work,) = flight.trials
            reason = f"{failure.kind.value}: {failure.reason}"
            self._unwritten.append(records.failed(work.trial, work.configuration, reason, run))
            self.progress.note(f"trial {work.trial} failed: {reason}")

    def _run_of(self, ticket: int, flight: Flight) -> records.TrialRun:
        cohort = f"{self.lease().epoch}-{ticket}"
        return records.TrialRun(cohort, flight.started_at, datetime.now(UTC))

    # ── Committing ───────────────────────────────────────────────────────────────────────────

    def _commit(self) -> None:
        """Optuna's rows and ours of every trial that has ended, in one transaction."""
        if not self._unwritten:
            return
        report = self.storage.finish_trials(self.study_id, self._unwritten, self.lease())
        refused = frozenset(report.refused)  # someone else ended or took back the trial meanwhile
        written = [trial for trial in self._unwritten if trial.number not in refused]
        self._unwritten = []
        for trial in written:
            if trial.state is TrialState.COMPLETE:
                self.tally.note_complete(trial.number, trial.values, trial.user_attributes)
            else:
                self.tally.note_failed(str(trial.result.get("error", "")))
        numbers = {trial.number for trial in written}
        trials = self.storage.get_all_trials(self.study_id, deepcopy=False)
        self.source.observe(trial for trial in trials if trial.number in numbers)

    def _while_reachable(self, act: Callable[[], None]) -> None:
        """Act; while the database is away, go on with what is in memory."""
        try:
            if self._away_since is not None:
                self._reconcile()
            act()
        except DatabaseUnreachable as error:
            if self._away_since is None:
                self._away_since = self.clock()
                self.progress.note(f"{error}; training goes on, results wait for it to be back")
            if self.clock() - self._away_since > PATIENCE_WITH_THE_DATABASE:
                raise
            time.sleep(POLL_SECONDS)
        else:
            if self._away_since is not None:
                self.progress.note("the database is back")
            self._away_since = None

    def _reconcile(self) -> None:
        """After an absence of the database: a transaction whose answer was lost may have made
        RUNNING trials that we do not know of."""
        flights = [*self._flights.values(), *self._retries]
        ours = {work.trial for flight in flights for work in flight.trials}
        ours |= {work.trial for work in self._ready}
        ours |= {trial.number for trial in self._unwritten}
        trials = self.storage.get_all_trials(self.study_id, deepcopy=False)
        self.source.adopt(trials, ours)

    def _show(self) -> None:
        self.progress.show(
            self.tally.snapshot(
                running=sum(len(flight.trials) for flight in self._flights.values()),
                here=self.clock() - self._began,
                spent=self.seconds_spent,
                message="stopping" if self._stopping else "",
            )
        )


def _completed(
    spec: StudySpec, done: Done, flight: Flight, run: records.TrialRun
) -> list[FinishedTrial]:
    configurations = {work.trial: work.configuration for work in flight.trials}
    return [
        records.completed(spec, configurations[measured.trial], measured, done.report, run)
        for measured in done.report.trials
    ]
