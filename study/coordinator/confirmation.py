"""The loop of a confirmation: chosen trials are trained on fresh replicates, and written.

Each of them is trained like any other trial, with the same retries, but there are no rungs and
nothing is asked. A trial is written as soon as it is trained, so that what is stopped or killed is
gone on with where it was.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from storage.errors import DatabaseUnreachable
from storage.trials.records import Confirmation
from study.coordinator import rows
from study.coordinator.cohorts import ReadyTrial
from study.coordinator.coordinator import POLL_SECONDS, SECONDS_BETWEEN_OCCUPANCIES
from study.coordinator.dispatcher import Dispatcher, TrainedTrial
from study.coordinator.fresh_replicates import FreshReplicates
from study.coordinator.outage import (
    LONGEST_OUTAGE,
    LONGEST_OUTAGE_WHEN_STOPPING,
    DatabaseOutage,
    StoppedWithoutDatabase,
)
from study.coordinator.retries import UntrainableTrial
from study.monitoring import events
from study.monitoring.progress import Progress
from study.specification.spec import StudySpec
from workers.pools.pool import PoolUnavailable


@dataclass(frozen=True, slots=True)
class ConfirmationEnding:
    """How a confirmation ended: whether it was stopped before its end, and the trials that could
    not be trained. problem is why it could not begin; None: it could."""

    stopped: bool
    failed: tuple[UntrainableTrial, ...] = ()
    problem: str | None = None

    @property
    def reason(self) -> str | None:
        """Why it did not do what was asked of it, in a line; None where it did, or was stopped."""
        if self.problem is not None:
            return f"nothing could be confirmed: {self.problem}"
        if not self.failed:
            return None
        first = self.failed[0]
        others = len(self.failed) - 1
        more = f" (and {others} more)" if others else ""
        return f"trial {first.work.trial} could not be confirmed{more}: {first.reason}"


@dataclass(slots=True)
class ConfirmationLoop:
    """Trains the parts one after the other, as the holder of the study's lease.

    dispatcher_for makes the dispatcher of a part; write puts trials into the database, in one
    transaction under the lease, and may be called again with the same. stop() may be called from a
    signal handler.
    """

    spec: StudySpec
    parts: Sequence[FreshReplicates]
    dispatcher_for: Callable[[FreshReplicates], Dispatcher]
    write: Callable[[Sequence[Confirmation]], None]
    progress: Progress
    stop_requested: Callable[[], bool] = lambda: False
    want_slots: Callable[[int], None] = lambda slots: None
    clock: Callable[[], float] = time.monotonic
    _unwritten: list[Confirmation] = field(default_factory=list)
    _failed: list[UntrainableTrial] = field(default_factory=list)
    _dispatcher: Dispatcher | None = None
    _stopping: bool = False
    _stop_recorded: bool = False
    _next_occupancy: float = float("-inf")
    _outage: DatabaseOutage = field(init=False)

    def __post_init__(self) -> None:
        self._outage = DatabaseOutage(lambda: None, self.progress.record_event, self.clock)

    def stop(self) -> None:
        """Ask the loop to end; in a foreground pool this interrupts the training itself."""
        self._stopping = True
        if self._dispatcher is not None:
            self._dispatcher.interrupt()

    def run(self) -> ConfirmationEnding:
        """Train all parts.

        Raises:
            LeaseLost: another coordinator took over; nothing more was written.
            DatabaseUnreachable: the database stayed away for too long (StoppedWithoutDatabase:
                it was away when the confirmation was stopped).
            PoolUnavailable: the pool was lost; what was trained is written.
        """
        for part in self.parts:
            if self._is_stopped():
                break
            numbers = tuple(work.trial for work in part.trials)
            self.progress.record_event(events.ConfirmationBegan(numbers, len(part.numbers)))
            self._dispatcher = self.dispatcher_for(part)
            self._train(part, self._dispatcher)
        return ConfirmationEnding(self._is_stopped(), tuple(self._failed))

    def _train(self, part: FreshReplicates, dispatcher: Dispatcher) -> None:
        dispatcher.add_ready(ReadyTrial(work) for work in part.trials)
        try:
            while not self._is_stopped() and not (dispatcher.is_empty and not self._unwritten):
                dispatcher.fill_slots(0)
                self.want_slots(dispatcher.usable_slots(0))
                self._take(dispatcher.collect_results(POLL_SECONDS))
                self._outage.try_once(self._commit)
                self._report_occupancy(dispatcher)
        except PoolUnavailable:
            self._commit_until_done()
            raise
        finally:
            dispatcher.cancel_all()
        self._commit_until_done()

    def _is_stopped(self) -> bool:
        asked = self.stop_requested()
        self._stopping |= asked
        if self._stopping and not self._stop_recorded:
            # Recorded here, not in stop(): a signal handler may interrupt what holds a lock.
            self._stop_recorded = True
            self.progress.record_event(events.StopRequested("database" if asked else "signal"))
        return self._stopping

    def _take(self, results: Sequence[TrainedTrial | UntrainableTrial]) -> None:
        for item in sorted(results, key=lambda item: item.work.trial):
            if isinstance(item, TrainedTrial):
                self._unwritten.append(rows.confirmed(self.spec, item))
            else:
                self._failed.append(item)
                failed = events.TrialFailed(item.work.trial, str(item.cohort), item.reason)
                self.progress.record_event(failed)

    def _commit(self) -> None:
        if not self._unwritten:
            return
        self.write(self._unwritten)
        for replicates in sorted({len(written.replicates) for written in self._unwritten}):
            numbers = (w.number for w in self._unwritten if len(w.replicates) == replicates)
            self.progress.record_event(events.TrialsConfirmed(tuple(numbers), replicates))
        self._unwritten = []

    def _commit_until_done(self) -> None:
        longest = LONGEST_OUTAGE_WHEN_STOPPING if self._stopping else LONGEST_OUTAGE
        try:
            self._outage.retry(self._commit, lambda: longest)
        except DatabaseUnreachable as error:
            if not self._stopping:
                raise
            raise StoppedWithoutDatabase(
                f"study {self.spec.name!r}: its confirmation was stopped while its database was "
                f"away; begun again, it trains what is missing: {error}"
            ) from error

    def _report_occupancy(self, dispatcher: Dispatcher) -> None:
        if self.clock() >= self._next_occupancy:
            self._next_occupancy = self.clock() + SECONDS_BETWEEN_OCCUPANCIES
            self.progress.record_event(dispatcher.occupancy)
