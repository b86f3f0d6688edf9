"""What happens while a study runs, as values: what logs and metrics are made of.

A coordinator and its helpers tell events to a `study.monitoring.progress.Progress`; which of them a
display, a log or a metric shows is for those to say. Every event is of the one study whose progress
hears it. Fields are plain values, so that an event can be written to a log or sent to another
process.
"""

import logging
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

SILENT = logging.DEBUG - 5
"""The level of what is counted and never logged."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. name says what, in a few words that never change.

    shown: a person who watches the display is to read `line` as well.
    """

    name: ClassVar[str] = "event"
    shown: ClassVar[bool] = False

    @property
    def level(self) -> int:
        """A level of the standard library's logging."""
        return logging.INFO

    @property
    def line(self) -> str:
        """The event for a person who knows which study it is."""
        return self.name

    @property
    def fields(self) -> dict[str, Any]:
        """The facts by name, without those that are not known."""
        return {name: value for name, value in asdict(self).items() if value is not None}


# ── A coordinator and its lease ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StudyBegan(Event):
    """A coordinator begins: trials so far, by how they ended, and the budget (None: of time)."""

    name: ClassVar[str] = "study began"
    complete: int
    pruned: int
    failed: int
    budget: int | None


@dataclass(frozen=True, slots=True)
class StudyEnded(Event):
    """A coordinator ends: totals over all launches; ending says why."""

    name: ClassVar[str] = "study ended"
    ending: str
    complete: int
    pruned: int
    failed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StopRequested(Event):
    """Somebody asked the study to stop: `by` "signal" or "database"."""

    name: ClassVar[str] = "stop requested"
    by: str


@dataclass(frozen=True, slots=True)
class LeaseTaken(Event):
    """The study is ours; taken_from names an owner that had not given it back."""

    name: ClassVar[str] = "lease taken"
    shown: ClassVar[bool] = True
    owner: str
    epoch: int
    taken_from: str | None = None

    @property
    def level(self) -> int:
        """A take-over means that a coordinator has died or was cut off."""
        return logging.INFO if self.taken_from is None else logging.WARNING

    @property
    def line(self) -> str:
        """A lease that was free is not worth a word."""
        return "" if self.taken_from is None else f"took the study over from {self.taken_from}"


@dataclass(frozen=True, slots=True)
class CoordinatorReplaced(Event):
    """Another coordinator has the study: this one has stopped writing."""

    name: ClassVar[str] = "lease lost"
    reason: str

    @property
    def level(self) -> int:
        """Work was lost."""
        return logging.ERROR


# ── The process that a service gives a study ──────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ProcessStarted(Event):
    """A service has claimed the study, and a process of its own runs it."""

    name: ClassVar[str] = "process started"
    shown: ClassVar[bool] = True
    process: int

    @property
    def line(self) -> str:
        """Which."""
        return f"is run by process {self.process}"


@dataclass(frozen=True, slots=True)
class ProcessEnded(Event):
    """The study's process has ended, and the study has this status. died says how, where it did
    not end by itself."""

    name: ClassVar[str] = "process ended"
    shown: ClassVar[bool] = True
    status: str
    died: str | None = None

    @property
    def line(self) -> str:
        """What became of the study."""
        return f"is {self.status}" + (f" after its process {self.died}" if self.died else "")


@dataclass(frozen=True, slots=True)
class StudyCrashed(Event):
    """A coordinator died of the study, or could not go on: it is tried again, not too often."""

    name: ClassVar[str] = "study crashed"
    reason: str

    @property
    def level(self) -> int:
        """It is mended, and fails the study in the end."""
        return logging.WARNING


@dataclass(frozen=True, slots=True)
class StudyRecovered(Event):
    """A coordinator elsewhere fell silent: its study was taken from it, and has this status."""

    name: ClassVar[str] = "study recovered"
    shown: ClassVar[bool] = True
    status: str

    @property
    def level(self) -> int:
        """A coordinator has died or was cut off."""
        return logging.WARNING

    @property
    def line(self) -> str:
        """What became of the study."""
        return f"is {self.status}: its coordinator fell silent"


# ── Cohorts and trials ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CohortDispatched(Event):
    """A cohort goes to the pool, to be trained to the epoch `until`.

    wanted is how many networks such a cohort should have; losses, the workers it has lost so far.
    """

    name: ClassVar[str] = "cohort dispatched"
    cohort: str
    trials: tuple[int, ...]
    networks: int
    wanted: float
    until: int
    losses: int

    @property
    def level(self) -> int:
        """There are many."""
        return logging.DEBUG


@dataclass(frozen=True, slots=True)
class CohortReturned(Event):
    """A cohort was trained, in so many seconds on the worker."""

    name: ClassVar[str] = "cohort returned"
    cohort: str
    trials: tuple[int, ...]
    worker: str
    seconds: float

    @property
    def level(self) -> int:
        """There are many."""
        return logging.DEBUG


@dataclass(frozen=True, slots=True)
class CohortFailed(Event):
    """A cohort came back untrained: kind is a workers.pools.pool.FailureKind, remedy what follows
    ("retry", "retry apart", "split", …: see study.coordinator.policy), losses the workers it has
    lost, this one included."""

    name: ClassVar[str] = "cohort failed"
    cohort: str
    trials: tuple[int, ...]
    kind: str
    reason: str
    remedy: str
    losses: int

    @property
    def level(self) -> int:
        """It is mended, and costs time."""
        return logging.WARNING


@dataclass(frozen=True, slots=True)
class TrialsCommitted(Event):
    """Trials that ended are in the database; copied counts those of complete ones that have the
    results of an equal trial. cohorts are those in which the trials were trained."""

    name: ClassVar[str] = "trials committed"
    complete: int
    pruned: int
    failed: int
    copied: int
    trials: tuple[int, ...] = ()
    cohorts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrialFailed(Event):
    """A trial could not be trained."""

    name: ClassVar[str] = "trial failed"
    shown: ClassVar[bool] = True
    trial: int
    cohort: str
    reason: str

    @property
    def level(self) -> int:
        """The study goes on without it."""
        return logging.WARNING

    @property
    def line(self) -> str:
        """Which, and why."""
        return f"trial {self.trial} failed: {self.reason}"


@dataclass(frozen=True, slots=True)
class Occupancy(Event):
    """How many slots of the pool train a cohort just now, and trials in them."""

    name: ClassVar[str] = "occupancy"
    busy: int
    slots: int
    trials: int

    @property
    def level(self) -> int:
        """A gauge."""
        return SILENT


# ── The database ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class DatabaseAway(Event):
    """The database does not answer; results wait in memory."""

    name: ClassVar[str] = "database away"
    shown: ClassVar[bool] = True
    reason: str

    @property
    def level(self) -> int:
        """The study stops if it lasts."""
        return logging.WARNING

    @property
    def line(self) -> str:
        """What to expect."""
        return f"{self.reason}; training goes on, results wait for it to be back"


@dataclass(frozen=True, slots=True)
class DatabaseBack(Event):
    """The database answers again, after so many seconds."""

    name: ClassVar[str] = "database back"
    shown: ClassVar[bool] = True
    seconds: float

    @property
    def line(self) -> str:
        """The end of a worry."""
        return "the database is back"


@dataclass(frozen=True, slots=True)
class DatabaseUsed(Event):
    """A transaction ended: kind "read" or "write", in so many seconds; failed: it was undone."""

    name: ClassVar[str] = "database used"
    kind: str
    seconds: float
    failed: bool

    @property
    def level(self) -> int:
        """A histogram."""
        return SILENT


KINDS: dict[str, type[Event]] = {
    kind.name: kind
    for kind in (
        *(StudyBegan, StudyEnded, StopRequested, LeaseTaken, CoordinatorReplaced),
        *(ProcessStarted, ProcessEnded, StudyCrashed, StudyRecovered),
        *(CohortDispatched, CohortReturned, CohortFailed),
        *(TrialsCommitted, TrialFailed, Occupancy),
        *(DatabaseAway, DatabaseBack, DatabaseUsed),
    )
}
"""Every kind of event by its name."""
