"""Cohorts that failed: the record of each, and which of them are tried again, and when.

What follows from a record is decided in study.coordinator.policy.
"""

from collections.abc import Set
from dataclasses import dataclass, field, replace

from study.coordinator.cohorts import ReadyTrial
from study.coordinator.policy import CohortFailure, Remedy, remedy_for
from workers.pools.pool import Failed, FailureKind
from workers.segment import TrialWork


@dataclass(frozen=True, slots=True)
class UntrainableTrial:
    """A trial that could not be trained, and why."""

    work: TrialWork
    reason: str
    cohort: int


@dataclass(frozen=True, slots=True)
class CohortAttempt:
    """A cohort that is being trained, or waits for another try, with the record of earlier ones.

    wanted is how many networks it was to have. losses counts the workers it has lost, all_losses
    also those of the cohorts that it was split from, memory_failures how often memory ran out on
    it. It is not tried again before the tickets `after` have ended. until, the epoch it is trained
    to, work, in units of study.coordinator.cohorts, and began_at, by the dispatcher's clock, are
    those of its last try.
    """

    cohort: tuple[ReadyTrial, ...]
    wanted: float
    losses: int = 0
    all_losses: int = 0
    memory_failures: int = 0
    after: frozenset[int] = frozenset()
    until: int = 0
    work: float = 0.0
    began_at: float = 0.0

    @property
    def trials(self) -> tuple[int, ...]:
        """The numbers of its trials."""
        return tuple(candidate.work.trial for candidate in self.cohort)


@dataclass(slots=True)
class RetryQueue:
    """The cohorts that wait for another try, and how often workers are lost at all."""

    waiting: list[CohortAttempt] = field(default_factory=list)
    _tries_done: int = 0
    _tries_lost: int = 0

    def count_success(self) -> None:
        """A cohort was trained: evidence that workers are not lost whatever they train."""
        self._tries_done += 1

    def take_due(self, running: Set[int], count: int) -> list[CohortAttempt]:
        """At most count of those that may be tried now; they wait no longer."""
        due = [attempt for attempt in self.waiting if attempt.after.isdisjoint(running)][:count]
        for attempt in due:
            self.waiting.remove(attempt)
        return due

    def decide(
        self, kind: FailureKind, attempt: CohortAttempt, running: Set[int]
    ) -> tuple[Remedy, CohortAttempt]:
        """What follows a failure, and the attempt with it on its record.

        running are the tickets of the other cohorts that are being trained.
        """
        attempt = self._recorded(kind, attempt)
        remedy = remedy_for(
            CohortFailure(
                trials=len(attempt.cohort),
                kind=kind,
                losses=attempt.losses,
                memory_failures=attempt.memory_failures,
                others_lost=self._share_lost_by_others(attempt),
                others_running=len(running),
            )
        )
        return remedy, attempt

    def follow(
        self, remedy: Remedy, failure: Failed, attempt: CohortAttempt, running: Set[int]
    ) -> list[UntrainableTrial]:
        """Have the cohort, whole or in halves, tried again; or give its only trial up."""
        match remedy:
            case Remedy.RETRY:
                self.waiting.append(attempt)
            case Remedy.RETRY_FROM_THE_START:
                cohort = tuple(ReadyTrial(candidate.work) for candidate in attempt.cohort)
                self.waiting.append(replace(attempt, cohort=cohort))
            case Remedy.RETRY_APART:
                self.waiting.append(replace(attempt, after=frozenset(running)))
            case Remedy.SPLIT:
                half = len(attempt.cohort) // 2
                for part in (attempt.cohort[:half], attempt.cohort[half:]):
                    self.waiting.append(replace(attempt, cohort=part, losses=0, memory_failures=0))
            case Remedy.GIVE_UP:
                (candidate,) = attempt.cohort
                reason = f"{failure.kind.value}: {failure.reason}"
                return [UntrainableTrial(candidate.work, reason, failure.ticket)]
        return []

    def _recorded(self, kind: FailureKind, attempt: CohortAttempt) -> CohortAttempt:
        """The attempt with what this failure adds to its record."""
        if kind in (FailureKind.WORKER_LOST, FailureKind.HUNG):
            self._tries_lost += 1
            losses, all_losses = attempt.losses + 1, attempt.all_losses + 1
            return replace(attempt, losses=losses, all_losses=all_losses)
        self._tries_done += 1  # it failed for a reason of its own, not by a loss
        if kind is FailureKind.OUT_OF_MEMORY:
            return replace(attempt, memory_failures=attempt.memory_failures + 1)
        return attempt

    def _share_lost_by_others(self, attempt: CohortAttempt) -> float:
        lost = self._tries_lost - attempt.all_losses
        return lost / max(1, lost + self._tries_done)
