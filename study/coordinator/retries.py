"""Cohorts that failed: what is held against each, and which of them are tried again, and when.

What follows from it is decided in study.coordinator.policy.
"""

from collections.abc import Set
from dataclasses import dataclass, field, replace

from study.coordinator.cohorts import ReadyTrial
from study.coordinator.policy import CohortFailure, Remedy, remedy_for
from workers.pools.pool import Failed, FailureKind
from workers.segment import TrialWork


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A trial that could not be trained, and why."""

    work: TrialWork
    reason: str
    cohort: int


@dataclass(frozen=True, slots=True)
class Flight:
    """A cohort on its way.

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
class Mending:
    """The cohorts that wait for another try, and how often workers are lost at all."""

    waiting: list[Flight] = field(default_factory=list)
    _tries_done: int = 0
    _tries_lost: int = 0

    def note_success(self) -> None:
        """Some cohort's try was not lost: evidence that it could be done."""
        self._tries_done += 1

    def due(self, in_the_air: Set[int], count: int) -> list[Flight]:
        """At most count of those that may be tried now; they wait no longer."""
        due = [flight for flight in self.waiting if flight.after.isdisjoint(in_the_air)][:count]
        for flight in due:
            self.waiting.remove(flight)
        return due

    def judge(
        self, kind: FailureKind, flight: Flight, in_the_air: Set[int]
    ) -> tuple[Remedy, Flight]:
        """What follows a failure, and the flight with it on its record.

        in_the_air are the tickets of the other cohorts that are being trained.
        """
        flight = self._recorded(kind, flight)
        remedy = remedy_for(
            CohortFailure(
                trials=len(flight.cohort),
                kind=kind,
                losses=flight.losses,
                memory_failures=flight.memory_failures,
                others_lost=self._share_lost_by_others(flight),
                neighbours=len(in_the_air),
            )
        )
        return remedy, flight

    def mend(
        self, remedy: Remedy, failure: Failed, flight: Flight, in_the_air: Set[int]
    ) -> list[GaveUp]:
        """Have the cohort, whole or in halves, tried again; or give its only trial up."""
        match remedy:
            case Remedy.RETRY:
                self.waiting.append(flight)
            case Remedy.RETRY_FROM_THE_START:
                cohort = tuple(ReadyTrial(candidate.work) for candidate in flight.cohort)
                self.waiting.append(replace(flight, cohort=cohort))
            case Remedy.RETRY_APART:
                self.waiting.append(replace(flight, after=frozenset(in_the_air)))
            case Remedy.SPLIT:
                half = len(flight.cohort) // 2
                for part in (flight.cohort[:half], flight.cohort[half:]):
                    self.waiting.append(replace(flight, cohort=part, losses=0, memory_failures=0))
            case Remedy.GIVE_UP:
                (candidate,) = flight.cohort
                reason = f"{failure.kind.value}: {failure.reason}"
                return [GaveUp(candidate.work, reason, failure.ticket)]
        return []

    def _recorded(self, kind: FailureKind, flight: Flight) -> Flight:
        """The flight with what this failure adds to its record."""
        if kind in (FailureKind.WORKER_LOST, FailureKind.HUNG):
            self._tries_lost += 1
            losses, all_losses = flight.losses + 1, flight.all_losses + 1
            return replace(flight, losses=losses, all_losses=all_losses)
        self._tries_done += 1  # it failed for a reason of its own, not by a loss
        if kind is FailureKind.OUT_OF_MEMORY:
            return replace(flight, memory_failures=flight.memory_failures + 1)
        return flight

    def _share_lost_by_others(self, flight: Flight) -> float:
        lost = self._tries_lost - flight.all_losses
        return lost / max(1, lost + self._tries_done)
