"""What the coordinator asks of whatever carries out segments: in this process, or on a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from workers.segment import Segment, SegmentReport

# A trained cohort's state, held where it was made; only a pool that handed it out can read it.
StateHandle = Any


class FailureKind(StrEnum):
    """Why a segment came back without a report."""

    WORKER_LOST = "worker lost"
    OUT_OF_MEMORY = "out of memory"
    STATE_LOST = "state lost"
    HUNG = "no answer in time"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Done:
    """The segment was trained; state continues it."""

    ticket: int
    report: SegmentReport
    state: StateHandle


@dataclass(frozen=True, slots=True)
class Failed:
    """The segment was not trained; reason is one line."""

    ticket: int
    kind: FailureKind
    reason: str


Completion = Done | Failed


class PoolUnavailable(Exception):
    """No segments can be trained there, or not any more; str() is one line.

    remedy is what whoever runs the pool's machines could do about it, in one line; "": not known.
    """

    def __init__(self, reason: str, *, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


class WorkersUnavailable(PoolUnavailable):
    """Processes cannot be started on this machine."""


class ClusterUnreachable(PoolUnavailable):
    """No cluster answers at the address."""


class TokenRefused(ClusterUnreachable):
    """A cluster answers, and wants a token that this process does not have."""


# On a CPU torch raises a plain RuntimeError where memory runs out: only its text tells.
_NO_MEMORY = ("can't allocate memory", "not enough memory", "std::bad_alloc")


def kind_of(error: BaseException) -> FailureKind:
    """The kind of failure that an exception in training is: out of memory, or any other error."""
    memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if isinstance(error, RuntimeError):
        memory = memory or any(words in str(error) for words in _NO_MEMORY)
    return FailureKind.OUT_OF_MEMORY if memory else FailureKind.ERROR


def in_one_line(error: BaseException) -> str:
    """What is recorded of an error: its type and its text, no longer than 500 characters."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


class Pool(Protocol):
    """Trains segments side by side.

    A pool is bound to one data set. It never retries: the coordinator decides what follows a
    failure. Every ticket that was submitted and not cancelled is returned by collect once.
    Opening one, slots, submit and collect raise PoolUnavailable where nothing can be trained (any
    more); what was submitted is then lost, and close is still to be called.
    in_foreground says that collect() trains in the calling thread and takes as long as it takes.
    cluster names what the slots are taken from, the same for all pools that share it; None: the
    slots are this pool's own.
    """

    in_foreground: bool
    cluster: str | None

    def slots(self) -> int:
        """How many segments can be trained at the same time; it may change between calls."""

    def submit(self, segment: Segment, states: Sequence[StateHandle] = ()) -> int:
        """Hand over a segment, with the states that its trials are in; returns its ticket."""

    def collect(self, timeout: float) -> Sequence[Completion]:
        """The segments that ended since the last call, waiting up to timeout seconds for one."""

    def cancel(self, tickets: Sequence[int]) -> None:
        """Forget these segments, and end them where that is possible."""

    def close(self) -> None:
        """Give back what the pool holds; segments that still run are abandoned."""
