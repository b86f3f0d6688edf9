"""A simulated cluster: segments take given times in virtual time, and fail as given.

For tests of what a coordinator decides, and to plan: how busy would a thousand workers be? Nothing
is trained; measurements are a smooth function of the configuration.
"""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from workers.configuration import Activation, Configuration
from workers.pools.pool import Completion, Done, Failed, FailureKind, StateHandle
from workers.segment import (
    CurvePoint,
    LayerStatistics,
    MemberMeasurements,
    ReplicateMeasurements,
    Segment,
    SegmentReport,
    TrialMeasurements,
    TrialWork,
)


def one_second(segment: Segment) -> float:
    """Every segment takes a second, whatever it trains."""
    return 1.0


def never(segment: Segment) -> FailureKind | None:
    """No segment fails."""
    return None


@dataclass(frozen=True, slots=True, order=True)
class _Running:
    ends: float
    ticket: int


class SimulatedPool:
    """Slots that train for seconds_of(segment) virtual seconds and fail as failure_of says.

    Give the coordinator `clock`, so that both live in the same time. busy_seconds is the sum over
    slots of the time they had work.
    """

    in_foreground = False
    cluster: str | None = None

    def __init__(
        self,
        slots: int = 2,
        *,
        seconds_of: Callable[[Segment], float] = one_second,
        failure_of: Callable[[Segment], FailureKind | None] = never,
    ) -> None:
        self._slots = slots
        self._seconds_of = seconds_of
        self._failure_of = failure_of
        self._now = 0.0
        self._running: list[_Running] = []
        self._waiting: list[int] = []
        self.segments: dict[int, Segment] = {}
        self.states: dict[int, Sequence[StateHandle]] = {}
        self.busy_seconds = 0.0

    def clock(self) -> float:
        """The virtual time in seconds since the pool was made."""
        return self._now

    def slots(self) -> int:
        """As many as the pool was made with."""
        return self._slots

    def submit(self, segment: Segment, states: Sequence[StateHandle] = ()) -> int:
        """Begin the segment if a slot is free, else when one becomes so."""
        ticket = len(self.segments) + 1
        self.segments[ticket] = segment
        self.states[ticket] = states
        self._waiting.append(ticket)
        self._begin()
        return ticket

    def collect(self, timeout: float) -> Sequence[Completion]:
        """Let virtual time pass until something ends, or the timeout has passed."""
        if not self._running or self._running[0].ends > self._now + timeout:
            self._now += timeout
            return ()
        self._now = max(self._now, self._running[0].ends)
        ended = []
        while self._running and self._running[0].ends <= self._now:
            ended.append(heapq.heappop(self._running).ticket)
        self._begin()
        return tuple(self._completion(ticket) for ticket in ended)

    def cancel(self, tickets: Sequence[int]) -> None:
        """Forget the segments; their slots are free at once."""
        dropped = frozenset(tickets)
        self._waiting = [ticket for ticket in self._waiting if ticket not in dropped]
        ended = [entry for entry in self._running if entry.ticket in dropped]
        self.busy_seconds -= sum(entry.ends - self._now for entry in ended)
        self._running = [entry for entry in self._running if entry.ticket not in dropped]
        heapq.heapify(self._running)

    def close(self) -> None:
        """Nothing has to be given back."""

    def _begin(self) -> None:
        while self._waiting and len(self._running) < self._slots:
            ticket = self._waiting.pop(0)
            seconds = self._seconds_of(self.segments[ticket])
            self.busy_seconds += seconds
            heapq.heappush(self._running, _Running(self._now + seconds, ticket))

    def _completion(self, ticket: int) -> Completion:
        segment = self.segments[ticket]
        kind = self._failure_of(segment)
        if kind is not None:
            return Failed(ticket, kind, "as simulated")
        seconds = self._seconds_of(segment)
        report = SegmentReport(
            trials=tuple(simulated_measurements(work, segment) for work in segment.trials),
            worker="simulated",
            device="simulated",
            fingerprint="simulated",
            wall_seconds=seconds,
            cpu_seconds=seconds,
        )
        return Done(ticket, report, state=f"state of {ticket}")


def simulated_measurements(work: TrialWork, segment: Segment) -> TrialMeasurements:
    """What a training could have measured: deeper networks are worse, dropout narrows the gap,
    and replicates differ a little."""
    configuration = work.configuration
    return TrialMeasurements(
        trial=work.trial,
        epochs=segment.last_epoch,
        parameters=configuration.depth * configuration.width,
        diverged=0,
        seconds=0.0,
        replicates=tuple(
            _replicate(configuration, replicate, segment) for replicate in segment.replicates
        ),
    )


def _replicate(
    configuration: Configuration, replicate: int, segment: Segment
) -> ReplicateMeasurements:
    progress = segment.last_epoch / segment.settings.epochs
    handicap = 0.05 * (configuration.activation is Activation.SIGMOID)
    train = (0.99 - 0.01 * configuration.depth - handicap) * (0.8 + 0.2 * progress)
    test = train - 0.1 + 0.1 * configuration.dropout - 0.001 * replicate
    accuracy = {"train": train, "validation": test + 0.005, "test": test}
    replicate_numbers = _numbers(ReplicateMeasurements, accuracy)
    member_numbers = _numbers(MemberMeasurements, accuracy)
    return ReplicateMeasurements(
        **replicate_numbers,
        replicate=replicate,
        train_examples=64,
        validation_examples=16,
        test_examples=16,
        validation_correct=b"\xff\xfc",
        test_correct=b"\xff\xf0",
        members=tuple(
            MemberMeasurements(
                **member_numbers, member=member, epochs=segment.last_epoch, diverged=False
            )
            for member in range(configuration.ensemble_size)
        ),
        curve=(CurvePoint(**_numbers(CurvePoint, accuracy), epoch=segment.last_epoch),),
        layers=(
            LayerStatistics(
                **_numbers(LayerStatistics, accuracy), layer=1, epoch=segment.last_epoch
            ),
        ),
    )


def _numbers(kind: Any, accuracy: Mapping[str, float]) -> dict[str, Any]:
    """A value for every number that a kind of measurements has: the accuracy of the side that its
    name contains (else of the test examples), 1 − accuracy for a loss, None where that may be."""
    values = {**accuracy, **{f"{side} loss": 1 - value for side, value in accuracy.items()}}
    return {name: None if source is None else values[source] for name, source in _sources(kind)}


@cache
def _sources(kind: type[Any]) -> tuple[tuple[str, str | None], ...]:
    sources: list[tuple[str, str | None]] = []
    for field in fields(kind):
        if field.init and field.type == float | None:
            sources.append((field.name, None))
        elif field.init and field.type is float:
            sides = ("train", "validation", "test")
            side = next((side for side in sides if side in field.name), "test")
            sources.append((field.name, f"{side} loss" if field.name.endswith("loss") else side))
    return tuple(sources)
