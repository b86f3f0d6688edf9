"""What happens while a study runs, as values: what logs and metrics are made of.

A new kind is a class here; it is logged and sent between processes as it is, and counted where
study.monitoring.metrics says how.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from study.monitoring.event import COUNTED_ONLY, Event

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
class DataRead(Event):
    """How the study's data were understood: one line of it."""

    name: ClassVar[str] = "data read"
    text: str

    @property
    def level(self) -> int:
        return logging.WARNING if self.text.startswith("warning:") else logging.INFO

    @property
    def line(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class CopiesInTest(Event):
    """So many of the test rows have the same features as a training row: copies is the mean over
    the replicates."""

    name: ClassVar[str] = "copies in test"
    level: ClassVar[int] = logging.WARNING  # figures on test rows are too good
    copies: float
    rows: int

    @property
    def line(self) -> str:
        return (
            f"{self.copies:.0f} of {self.rows} test rows have the same features as a training row: "
            "on such copies test accuracy shows what was learned by heart. Remove them, or keep "
            "them on one side with data.group"
        )


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
    owner: str
    epoch: int
    taken_from: str | None = None

    @property
    def level(self) -> int:
        # A take-over means that a coordinator has died or was cut off.
        return logging.INFO if self.taken_from is None else logging.WARNING

    @property
    def line(self) -> str:
        return "" if self.taken_from is None else f"took the study over from {self.taken_from}"


@dataclass(frozen=True, slots=True)
class CoordinatorReplaced(Event):
    """Another coordinator has the study: this one has stopped writing."""

    name: ClassVar[str] = "lease lost"
    level: ClassVar[int] = logging.ERROR  # work was lost
    reason: str


# ── The process that a service gives a study ──────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ProcessStarted(Event):
    """A service has claimed the study, and a process of its own runs it."""

    name: ClassVar[str] = "process started"
    process: int

    @property
    def line(self) -> str:
        return f"is run by process {self.process}"


@dataclass(frozen=True, slots=True)
class ProcessEnded(Event):
    """The study's process has ended, and the study has this status. died says how, where it did
    not end by itself."""

    name: ClassVar[str] = "process ended"
    status: str
    died: str | None = None

    @property
    def line(self) -> str:
        return f"is {self.status}" + (f" after its process {self.died}" if self.died else "")


@dataclass(frozen=True, slots=True)
class StudyCrashed(Event):
    """A coordinator died of the study, or could not go on: it is tried again, not too often."""

    name: ClassVar[str] = "study crashed"
    level: ClassVar[int] = logging.WARNING  # it is mended, and fails the study in the end
    reason: str


@dataclass(frozen=True, slots=True)
class StudyRecovered(Event):
    """A coordinator elsewhere fell silent: its study was taken from it, and has this status."""

    name: ClassVar[str] = "study recovered"
    level: ClassVar[int] = logging.WARNING  # a coordinator has died or was cut off
    status: str

    @property
    def line(self) -> str:
        return f"is {self.status}: its coordinator fell silent"


# ── Cohorts and trials ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CohortDispatched(Event):
    """A cohort goes to the pool, to be trained to the epoch `until`.

    wanted is how many networks such a cohort should have; losses, the workers it has lost so far.
    """

    name: ClassVar[str] = "cohort dispatched"
    level: ClassVar[int] = logging.DEBUG  # there are many
    cohort: str
    trials: tuple[int, ...]
    networks: int
    wanted: float
    until: int
    losses: int


@dataclass(frozen=True, slots=True)
class CohortReturned(Event):
    """A cohort was trained, in so many seconds on the worker."""

    name: ClassVar[str] = "cohort returned"
    level: ClassVar[int] = logging.DEBUG  # there are many
    cohort: str
    trials: tuple[int, ...]
    worker: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CohortFailed(Event):
    """A cohort came back untrained: kind is a workers.pools.pool.FailureKind, remedy what follows
    ("retry", "retry apart", "split", …: see study.coordinator.policy), losses the workers it has
    lost, this one included."""

    name: ClassVar[str] = "cohort failed"
    level: ClassVar[int] = logging.WARNING  # it is mended, and costs time
    cohort: str
    trials: tuple[int, ...]
    kind: str
    reason: str
    remedy: str
    losses: int


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
    level: ClassVar[int] = logging.WARNING  # the study goes on without it
    trial: int
    cohort: str
    reason: str

    @property
    def line(self) -> str:
        return f"trial {self.trial} failed: {self.reason}"


@dataclass(frozen=True, slots=True)
class TrialsLeftAside(Event):
    """Another program added these trials, and this search could not have made them: reason says
    why of the first."""

    name: ClassVar[str] = "trials left aside"
    level: ClassVar[int] = logging.WARNING  # the study goes on without them
    trials: tuple[int, ...]
    reason: str

    @property
    def line(self) -> str:
        return f"left {_named(self.trials)} aside, which this search did not make: {self.reason}"


@dataclass(frozen=True, slots=True)
class TrialsEndedElsewhere(Event):
    """Another program ended these trials while they were trained: what was measured is not kept."""

    name: ClassVar[str] = "trials ended elsewhere"
    level: ClassVar[int] = logging.WARNING  # the study goes on without them
    trials: tuple[int, ...]

    @property
    def line(self) -> str:
        return f"another program ended {_named(self.trials)}: what was measured is not kept"


@dataclass(frozen=True, slots=True)
class ConfirmationBegan(Event):
    """These trials are trained on so many replicates that chose nothing."""

    name: ClassVar[str] = "confirmation began"
    trials: tuple[int, ...]
    replicates: int

    @property
    def line(self) -> str:
        return f"confirming {_named(self.trials)} on {self.replicates} fresh replicates"


@dataclass(frozen=True, slots=True)
class TrialsConfirmed(Event):
    """The fresh replicates of these trials are in the database; trials may be all or some."""

    name: ClassVar[str] = "trials confirmed"
    trials: tuple[int, ...]
    replicates: int

    @property
    def line(self) -> str:
        return f"confirmed {_named(self.trials)} on {self.replicates} fresh replicates"


@dataclass(frozen=True, slots=True)
class Occupancy(Event):
    """How many slots of the pool train a cohort just now, and trials in them."""

    name: ClassVar[str] = "occupancy"
    level: ClassVar[int] = COUNTED_ONLY  # a gauge
    busy: int
    slots: int
    trials: int


# ── The database ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class DatabaseAway(Event):
    """The database does not answer; results wait in memory."""

    name: ClassVar[str] = "database away"
    level: ClassVar[int] = logging.WARNING  # the study stops if it lasts
    reason: str

    @property
    def line(self) -> str:
        return f"{self.reason}; training goes on, results wait for it to be back"


@dataclass(frozen=True, slots=True)
class DatabaseBack(Event):
    """The database answers again, after so many seconds."""

    name: ClassVar[str] = "database back"
    line: ClassVar[str] = "the database is back"
    seconds: float


@dataclass(frozen=True, slots=True)
class DatabaseUsed(Event):
    """A transaction ended: kind "read" or "write", in so many seconds; failed: it was undone."""

    name: ClassVar[str] = "database used"
    level: ClassVar[int] = COUNTED_ONLY  # a histogram
    kind: str
    seconds: float
    failed: bool


def _named(trials: tuple[int, ...]) -> str:
    return f"trial{'s' * (len(trials) > 1)} {', '.join(map(str, trials))}"


KINDS: Mapping[str, type[Event]] = {
    kind.name: kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
}
"""Every kind of event by its name."""
