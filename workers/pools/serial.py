"""Segments one after the other in the calling process: for debugging, and where no process can be
started."""

from collections import deque
from collections.abc import Sequence
from importlib import import_module

from workers.data import Dataset
from workers.pools.pool import Completion, Done, Failed, StateHandle, in_one_line, kind_of
from workers.segment import Segment


class SerialPool:
    """Trains inside collect(), one segment per call."""

    in_foreground = True
    cluster: str | None = None

    def __init__(self, dataset: Dataset, *, device: str | None = None) -> None:
        # Here already, because collect() may be interrupted, and an import must not be.
        import_module("workers.training.train")

        self._dataset = dataset
        self._device = device
        self._queue: deque[tuple[int, Segment, tuple[StateHandle, ...]]] = deque()
        self._tickets = 0

    def slots(self) -> int:
        """Always one."""
        return 1

    def submit(self, segment: Segment, states: Sequence[StateHandle] = ()) -> int:
        """Queue the segment."""
        self._tickets += 1
        self._queue.append((self._tickets, segment, tuple(states)))
        return self._tickets

    def collect(self, timeout: float) -> Sequence[Completion]:
        """Train the oldest segment to its end, however long that takes."""
        from workers.training.train import train_segment

        if not self._queue:
            return ()
        ticket, segment, states = self._queue.popleft()
        try:
            report, state = train_segment(segment, self._dataset, states, device=self._device)
        except Exception as error:  # noqa: BLE001  whatever it is, it is this segment's outcome
            return (Failed(ticket, kind_of(error), in_one_line(error)),)
        return (Done(ticket, report, state),)

    def cancel(self, tickets: Sequence[int]) -> None:
        """Drop them from the queue."""
        dropped = frozenset(tickets)
        self._queue = deque(entry for entry in self._queue if entry[0] not in dropped)

    def close(self) -> None:
        """Drop all that is queued."""
        self._queue.clear()
