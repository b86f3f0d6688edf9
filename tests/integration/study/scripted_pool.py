"""A pool that trains nothing: its measurements are a function of the configuration, and it fails
as a script says. Everything else in these tests, the database above all, is real."""

from collections import deque
from collections.abc import Callable, Sequence

from workers.pool import Completion, Done, Failed, FailureKind
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

# Says how a segment fails, or None where it does not.
Script = Callable[[Segment], FailureKind | None]


class ScriptedPool:
    """Answers every segment at the next collect, in order of submission."""

    in_foreground = False

    def __init__(self, slots: int = 2, script: Script = lambda segment: None) -> None:
        self._slots = slots
        self._script = script
        self._queue: deque[tuple[int, Segment]] = deque()
        self.submitted: list[Segment] = []
        self.states: dict[Segment, Sequence[object]] = {}
        self.closed = False

    def slots(self) -> int:
        return self._slots

    def submit(self, segment: Segment, states: Sequence[object] = ()) -> int:
        self.submitted.append(segment)
        self.states[segment] = states
        self._queue.append((len(self.submitted), segment))
        return len(self.submitted)

    def collect(self, timeout: float) -> Sequence[Completion]:
        if not self._queue:
            return ()
        ticket, segment = self._queue.popleft()
        kind = self._script(segment)
        if kind is not None:
            return (Failed(ticket, kind, "as the script says"),)
        return (Done(ticket, report_of(segment), state=f"state of {ticket}"),)

    def cancel(self, tickets: Sequence[int]) -> None:
        self._queue = deque(entry for entry in self._queue if entry[0] not in tickets)

    def close(self) -> None:
        self.closed = True


def report_of(segment: Segment) -> SegmentReport:
    return SegmentReport(
        trials=tuple(_measured(work, segment) for work in segment.trials),
        worker="test/1",
        device="cpu",
        fingerprint="test",
        wall_seconds=0.1,
        cpu_seconds=0.1,
    )


def _measured(work: TrialWork, segment: Segment) -> TrialMeasurements:
    configuration = work.configuration
    train = 1.0 - 0.01 * configuration.depth
    test = train - 0.1 + 0.1 * configuration.dropout
    return TrialMeasurements(
        trial=work.trial,
        epochs=segment.last_epoch,
        parameters=configuration.depth * configuration.width,
        diverged=0,
        seconds=0.01,
        replicates=tuple(
            _replicate(r, train, test, configuration.ensemble_size, segment.last_epoch)
            for r in range(segment.settings.replicates)
        ),
    )


def _replicate(
    replicate: int, train: float, test: float, size: int, epochs: int
) -> ReplicateMeasurements:
    test = test - 0.01 * replicate
    member = MemberMeasurements(0, train, test, test, 0.1, 0.2, 0.3, *[0.9] * 6, epochs, False)
    return ReplicateMeasurements(
        replicate=replicate,
        train_accuracy=train,
        train_accuracy_clean=None,
        validation_accuracy=test + 0.01,
        test_accuracy=test,
        balanced_test_accuracy=test,
        train_loss=0.1,
        validation_loss=0.2,
        test_loss=0.3,
        train_examples=100,
        validation_examples=16,
        test_examples=16,
        validation_correct=b"\xff\xff",
        test_correct=b"\xff\x00",
        members=tuple(_numbered(member, m) for m in range(size)),
        curve=(CurvePoint(epochs, train, test + 0.01, test, 0.1, 0.2, 0.3),),
        layers=(LayerStatistics(1, 0, 0.5, 0.0, 1.0, 0.0),),
    )


def _numbered(member: MemberMeasurements, number: int) -> MemberMeasurements:
    from dataclasses import replace

    return replace(member, member=number)
