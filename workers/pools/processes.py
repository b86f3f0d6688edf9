"""Segments in processes of this machine: no cluster to start, nothing that listens on a port."""

import contextlib
import signal
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait

from workers.data import Dataset
from workers.pools.pool import Completion, Done, Failed, FailureKind, StateHandle
from workers.pools.worker_processes import ForkServer, Worker, kernel_memory_kills, usable_cpus
from workers.segment import Segment, SegmentReport


@dataclass(frozen=True, slots=True)
class _Submission:
    """A segment that was submitted; its states are bytes that only workers read."""

    ticket: int
    segment: Segment
    states: tuple[StateHandle, ...]


class ProcessPool:
    """Trains each segment in one thread of a worker process; as many as there are processors.

    server may have been started before, while the data were read; it ends with the pool.
    """

    in_foreground = False
    cluster: str | None = None

    def __init__(
        self, dataset: Dataset, *, slots: int | None = None, server: ForkServer | None = None
    ) -> None:
        self._dataset = dataset
        self._slots = slots or usable_cpus()
        self._server = server or ForkServer()
        self._idle: list[Worker] = []
        self._busy: dict[Worker, _Submission] = {}
        self._orphans: set[Worker] = set()  # killed with a server that died
        self._queue: deque[_Submission] = deque()
        self._tickets = 0
        self._memory_kills = kernel_memory_kills()

    def slots(self) -> int:
        """The processors that this process may use."""
        return self._slots

    def submit(self, segment: Segment, states: Sequence[StateHandle] = ()) -> int:
        """Give the segment to a worker, or queue it until one is free."""
        self._tickets += 1
        self._queue.append(_Submission(self._tickets, segment, tuple(states)))
        self._assign()
        return self._tickets

    def collect(self, timeout: float) -> Sequence[Completion]:
        """The reports that have arrived, and the segments whose worker has died.

        Raises WorkersUnavailable.
        """
        if not self._busy:
            return ()
        ready = frozenset(wait([worker.link for worker in self._busy], timeout))
        completions = [
            self._completion(worker) for worker in list(self._busy) if worker.link in ready
        ]
        self._assign()
        return tuple(completions)

    def cancel(self, tickets: Sequence[int]) -> None:
        """Kill the workers that train these segments."""
        cancelled = frozenset(tickets)
        self._queue = deque(
            submission for submission in self._queue if submission.ticket not in cancelled
        )
        for worker, submission in list(self._busy.items()):
            if submission.ticket in cancelled:
                del self._busy[worker]
                worker.kill()
                self._reap(worker)

    def close(self) -> None:
        """End all workers, whatever they do."""
        for worker in (*self._idle, *self._busy):
            worker.kill()
            worker.link.close()
        self._idle, self._busy = [], {}
        self._queue.clear()
        self._server.close()

    def _assign(self) -> None:
        while self._queue and len(self._busy) < self._slots:
            worker = self._idle.pop() if self._idle else self._server.fork(self._dataset)
            submission = self._queue.popleft()
            self._busy[worker] = submission
            with contextlib.suppress(OSError):  # it died: which collect() will see
                worker.link.send(submission.segment)
                worker.link.send(submission.states)

    def _completion(self, worker: Worker) -> Completion:
        submission = self._busy.pop(worker)
        try:
            outcome = worker.link.recv()
            if isinstance(outcome, SegmentReport):
                state = worker.link.recv_bytes()
        except (EOFError, OSError):
            return self._lost(worker, submission.ticket)
        self._idle.append(worker)
        if isinstance(outcome, SegmentReport):
            return Done(submission.ticket, outcome, state)
        kind, reason = outcome
        return Failed(submission.ticket, kind, reason)

    def _lost(self, worker: Worker, ticket: int) -> Failed:
        code = self._reap(worker)
        before, self._memory_kills = self._memory_kills, kernel_memory_kills()
        name = f"worker process {worker.process}"
        if code == -signal.SIGKILL and self._memory_kills > before:
            reason = f"{name} was killed by the kernel: memory ran out"
            return Failed(ticket, FailureKind.OUT_OF_MEMORY, reason)
        return Failed(ticket, FailureKind.WORKER_LOST, f"{name} {_describe_end(code)}")

    def _reap(self, worker: Worker) -> int | None:
        if worker in self._orphans:
            self._orphans.remove(worker)
            worker.link.close()
            return None
        code = self._server.reap(worker)
        if code is None:
            self._replace_server()
        return code

    def _replace_server(self) -> None:
        """Start another fork server after the death of the first, and kill its workers: nobody
        could wait for their ends."""
        self._server.close()
        self._server = ForkServer()
        for other in (*self._idle, *self._busy):
            other.kill()
        for idle in self._idle:
            idle.link.close()
        self._idle = []
        self._orphans |= self._busy.keys()


def _describe_end(code: int | None) -> str:
    if code is None:
        return "ended with the process that had started it"
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
