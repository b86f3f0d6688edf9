"""Trials in training: packed into cohorts, handed to a pool, tried again when they fail.

Knows nothing of the database and of what a trial is worth.
"""

import time
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field, replace

from study.coordinator.cohorts import TARGET_NETWORKS, ReadyTrial, networks, pack, work_of
from study.coordinator.policy import SHORTEST_DEADLINE, deadline_seconds
from study.coordinator.retries import CohortAttempt, RetryQueue, UntrainableTrial
from study.monitoring import events
from study.monitoring.event import Event
from workers.configuration import TrainingSettings
from workers.pools.pool import Completion, Done, Failed, FailureKind, Pool, StateHandle
from workers.segment import Segment, SegmentReport, TrialMeasurements, TrialWork

# A segment longer than this helps nobody: what is lost with a worker, and the wait at the end.
SEGMENT_SECONDS = 20.0


class StopNow(BaseException):
    """Raised inside a pool that trains in the foreground, to end the training."""


@dataclass(frozen=True, slots=True)
class TrainedTrial:
    """A trial's segment is done: what was measured, and the state that continues it."""

    work: TrialWork
    measured: TrialMeasurements
    report: SegmentReport
    state: StateHandle
    cohort: int


@dataclass(slots=True)
class Dispatcher:
    """Keeps the pool's slots busy with the trials it is given.

    next_stop gives the epoch to which a trial goes on from the one it is at; share how many of the
    pool's slots may be filled, where the cluster is not this study's alone. record_event
    takes what becomes of cohorts, which cohort_name names after their ticket in the pool.
    Replicates are numbered from first_replicate on.
    """

    pool: Pool
    settings: TrainingSettings
    seed: int
    label_noise: float
    next_stop: Callable[[int], int]
    share: Callable[[int], int] = lambda slots: slots
    clock: Callable[[], float] = time.monotonic
    record_event: Callable[[Event], None] = lambda _: None
    cohort_name: Callable[[int], str] = str
    first_replicate: int = 0
    _slowest_pace: float | None = None
    _seconds: float = 0.0
    _network_epochs: float = 0.0
    _ready: list[ReadyTrial] = field(default_factory=list)
    _retries: RetryQueue = field(default_factory=RetryQueue)
    _running: dict[int, CohortAttempt] = field(default_factory=dict)
    _collecting: bool = False
    _interrupted: bool = False
    _next_overdue: float = float("-inf")

    @property
    def free_slots(self) -> int:
        """How many more cohorts could be trained at this moment."""
        return max(0, self.slots - len(self._running))

    @property
    def slots(self) -> int:
        """How many cohorts may be trained at the same time."""
        return self.share(self.pool.slots())

    def usable_slots(self, trials_to_come: float) -> int:
        """How many slots the dispatcher's trials and those to come could fill, if all were free."""
        waiting = len(self._retries.waiting) + len(self._ready) + trials_to_come
        return int(min(self.pool.slots(), len(self._running) + waiting))

    @property
    def occupancy(self) -> events.Occupancy:
        """How busy the pool is."""
        return events.Occupancy(len(self._running), self.pool.slots(), self.trials_running)

    @property
    def ready(self) -> Sequence[ReadyTrial]:
        """The trials that wait for a slot."""
        return self._ready

    @property
    def is_empty(self) -> bool:
        """Whether there is no trial in the dispatcher's hands."""
        return not (self._running or self._retries.waiting or self._ready)

    @property
    def trials_running(self) -> int:
        """How many trials are being trained."""
        return sum(len(attempt.cohort) for attempt in self._running.values())

    def trials(self) -> set[int]:
        """Every trial in the dispatcher's hands."""
        attempts = [*self._running.values(), *self._retries.waiting]
        numbers = {candidate.work.trial for attempt in attempts for candidate in attempt.cohort}
        return numbers | {candidate.work.trial for candidate in self._ready}

    def target_networks(self, trials_left: float) -> float:
        """How many networks a cohort should have.

        As many as fuse well, but no more than train in a segment's time; and before any time has
        been measured so few that every slot can be given a second cohort.
        """
        if self._network_epochs:
            an_epoch = self._seconds / self._network_epochs
            return min(TARGET_NETWORKS, SEGMENT_SECONDS / (an_epoch * self.settings.epochs))
        per_trial = self.settings.replicates
        return min(TARGET_NETWORKS, max(1.0, per_trial * trials_left / (2 * self.slots)))

    def add_ready(self, candidates: Iterable[ReadyTrial]) -> None:
        """Take trials to be trained as soon as slots are free."""
        self._ready += candidates

    def fill_slots(self, trials_to_come: float) -> None:
        """Give free slots what failed before, and then what is ready; trials_to_come may follow."""
        for attempt in self._retries.take_due(self._running.keys(), self.free_slots):
            self._dispatch(attempt)
        free = self.free_slots
        if not free or not self._ready:
            return
        target = self.target_networks(trials_to_come + len(self._ready))
        replicates = self.settings.replicates
        cohorts = pack(self._ready, replicates=replicates, slots=free, target=target)
        for cohort in cohorts[:free]:
            self._dispatch(CohortAttempt(cohort, target))
        # More of them would only wait in the cluster, before those of other studies.
        self._ready = [candidate for cohort in cohorts[free:] for candidate in cohort]

    def collect_results(self, timeout: float) -> list[TrainedTrial | UntrainableTrial]:
        """What has ended, waiting up to timeout seconds; cohorts to be tried again are not in it.

        A pool in the foreground takes as long as its segment does, or until interrupt().
        """
        results: list[TrainedTrial | UntrainableTrial] = []
        completed = self._completions(timeout)
        for completion in [*completed, *self._fail_overdue({c.ticket for c in completed})]:
            attempt = self._running.pop(completion.ticket)
            if isinstance(completion, Done):
                self._retries.count_success()
                self._update_pace(attempt, completion)
                self._record_returned(completion, attempt)
                results += _trained(completion, attempt)
            else:
                results += self._handle_failure(completion, attempt)
        return results

    def interrupt(self) -> None:
        """End a collect_results() that trains in this thread; called from a signal handler."""
        self._interrupted = True
        if self._collecting and self.pool.in_foreground:
            raise StopNow

    def cancel_all(self) -> set[int]:
        """Cancel everything; the trials that were in the dispatcher's hands."""
        trials = self.trials()
        self.pool.cancel(list(self._running))
        self._running, self._ready = {}, []
        self._retries.waiting.clear()
        return trials

    def _completions(self, timeout: float) -> Sequence[Completion]:
        self._collecting = True
        try:
            # A signal may have come just before: then nobody would end this wait.
            return () if self._interrupted else self.pool.collect(timeout)
        except StopNow:
            return ()
        finally:
            self._collecting = False

    def _fail_overdue(self, completed: Set[int]) -> list[Failed]:
        """Cohorts that are not completed by their deadline: they are cancelled, and failed."""
        now = self.clock()
        if self._slowest_pace is None or now < self._next_overdue:
            return []
        # No cohort that begins from now on is overdue before that.
        self._next_overdue = now + SHORTEST_DEADLINE
        failures = []
        for ticket, attempt in self._running.items():
            if ticket in completed:
                continue
            allowed = deadline_seconds(attempt.work, self._slowest_pace)
            self._next_overdue = min(self._next_overdue, attempt.began_at + allowed)
            if now - attempt.began_at > allowed:
                reason = f"nothing was heard for {now - attempt.began_at:.0f} s"
                failures.append(Failed(ticket, FailureKind.HUNG, reason))
        if failures:
            self.pool.cancel([failure.ticket for failure in failures])
        return failures

    def _update_pace(self, attempt: CohortAttempt, done: Done) -> None:
        replicates = self.settings.replicates
        epochs = attempt.until - attempt.cohort[0].epoch
        self._seconds += done.report.wall_seconds
        self._network_epochs += epochs * sum(networks(c.work, replicates) for c in attempt.cohort)
        pace = (self.clock() - attempt.began_at) / attempt.work
        self._slowest_pace = max(pace, self._slowest_pace or 0.0)

    def _dispatch(self, attempt: CohortAttempt) -> None:
        epoch = attempt.cohort[0].epoch
        until = self.next_stop(epoch)
        segment = Segment(
            trials=tuple(candidate.work for candidate in attempt.cohort),
            settings=self.settings,
            seed=self.seed,
            first_epoch=epoch,
            last_epoch=until,
            label_noise=self.label_noise,
            first_replicate=self.first_replicate,
        )
        states = {id(c.state): c.state for c in attempt.cohort if c.state is not None}
        ticket = self.pool.submit(segment, list(states.values()))
        work = sum(work_of(c.work, self.settings.replicates) for c in attempt.cohort)
        work *= until - epoch
        attempt = replace(attempt, until=until, work=work, began_at=self.clock())
        self._running[ticket] = attempt
        self.record_event(
            events.CohortDispatched(
                cohort=self.cohort_name(ticket),
                trials=attempt.trials,
                networks=sum(networks(c.work, self.settings.replicates) for c in attempt.cohort),
                wanted=attempt.wanted,
                until=until,
                losses=attempt.losses,
            )
        )

    def _handle_failure(self, failure: Failed, attempt: CohortAttempt) -> list[UntrainableTrial]:
        others = self._running.keys()
        remedy, attempt = self._retries.decide(failure.kind, attempt, others)
        self.record_event(
            events.CohortFailed(
                cohort=self.cohort_name(failure.ticket),
                trials=attempt.trials,
                kind=failure.kind.value,
                reason=failure.reason,
                remedy=remedy.name.lower().replace("_", " "),
                losses=attempt.losses,
            )
        )
        return self._retries.follow(remedy, failure, attempt, others)

    def _record_returned(self, done: Done, attempt: CohortAttempt) -> None:
        name, report = self.cohort_name(done.ticket), done.report
        self.record_event(
            events.CohortReturned(name, attempt.trials, report.worker, report.wall_seconds)
        )


def _trained(done: Done, attempt: CohortAttempt) -> list[TrainedTrial | UntrainableTrial]:
    works = {candidate.work.trial: candidate.work for candidate in attempt.cohort}
    return [
        TrainedTrial(works[measured.trial], measured, done.report, done.state, done.ticket)
        for measured in done.report.trials
    ]
