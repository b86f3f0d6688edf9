"""Workers that cost nothing, for a coordinator that costs what it costs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from workers.pools.pool import Completion, Done, StateHandle
from workers.pools.simulated import SimulatedPool, one_second
from workers.segment import Segment, TrialMeasurements
from workers.training.measurements import evaluation_epochs


class UnloadedPool(SimulatedPool):
    """A simulated pool whose reports have as many rows as those of a training.

    With charge, virtual time passes also while the coordinator computes, second for second, and
    slots stand idle until it gets to them. What the pool itself does is the workers' part and not
    charged. worked is the coordinator's time so far in seconds; began and ended are the virtual
    times at which segments began and ended, in the order of dispatch and of collection.
    """

    def __init__(
        self,
        slots: int = 2,
        *,
        seconds_of: Callable[[Segment], float] = one_second,
        charge: bool = False,
    ) -> None:
        super().__init__(slots, seconds_of=seconds_of)
        self._charge = charge
        self._left = time.perf_counter()
        self.worked = 0.0
        self.intervals: list[tuple[float, float]] = []

    def clock(self) -> float:
        """The virtual time in seconds, with the coordinator's own where that is charged."""
        return self._now + (time.perf_counter() - self._left if self._charge else 0.0)

    def submit(self, segment: Segment, states: Sequence[StateHandle] = ()) -> int:
        """Begin the segment now."""
        self._enter()
        ticket = super().submit(segment, states)
        self.intervals.append((self._now, self._now + self._seconds_of(segment)))
        self._left = time.perf_counter()
        return ticket

    def collect(self, timeout: float) -> Sequence[Completion]:
        """What has ended while the coordinator computed, else what ends next."""
        self._enter()
        completions = tuple(_as_trained(c, self.segments) for c in super().collect(timeout))
        self._left = time.perf_counter()
        return completions

    def _enter(self) -> None:
        spent = time.perf_counter() - self._left
        self.worked += spent
        if self._charge:
            self._now += spent


def _as_trained(completion: Completion, segments: dict[int, Segment]) -> Completion:
    if not isinstance(completion, Done):
        return completion
    segment = segments[completion.ticket]
    work = {work.trial: work for work in segment.trials}
    trials = tuple(
        _with_rows(measured, segment, work[measured.trial].configuration.depth)
        for measured in completion.report.trials
    )
    return replace(completion, report=replace(completion.report, trials=trials))


def _with_rows(measured: TrialMeasurements, segment: Segment, depth: int) -> TrialMeasurements:
    """A learning curve and statistics of every layer before and after, as a training has them."""
    settings = segment.settings
    epochs = [
        epoch
        for epoch in evaluation_epochs(settings.epochs, settings.evaluations)
        if epoch <= segment.last_epoch
    ]
    replicates = []
    for replicate in measured.replicates:
        (point,), (layer,) = replicate.curve, replicate.layers
        replicates.append(
            replace(
                replicate,
                curve=tuple(replace(point, epoch=epoch) for epoch in epochs),
                layers=tuple(
                    replace(layer, layer=number, epoch=epoch)
                    for number in range(1, depth + 1)
                    for epoch in (0, segment.last_epoch)
                ),
            )
        )
    return replace(measured, replicates=tuple(replicates))
