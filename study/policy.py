"""What follows a failure: pure decisions on what is known of a cohort."""

from dataclasses import dataclass
from enum import Enum

from workers.pool import FailureKind

# A trial alone in its cohort that lost this many workers is taken to be the cause.
LOSSES_OF_A_LONE_TRIAL = 5
# A cohort that lost this many workers is halved, to find the trial that kills them.
LOSSES_OF_A_COHORT = 3
# A study whose first trials all failed will not get better by itself.
FAILURES_OF_A_HOPELESS_STUDY = 10
# A cohort that takes so many times as long as the slowest one before it is taken to hang.
TIMES_THE_SLOWEST = 10.0
# … but never one that has run for less than this: starting a worker alone takes seconds.
SHORTEST_DEADLINE = 120.0


class Remedy(Enum):
    """What to do with a cohort that failed."""

    RETRY = "train it again from the start"
    SPLIT = "train its halves apart"
    GIVE_UP = "fail its only trial"


@dataclass(frozen=True, slots=True)
class CohortFailure:
    """A cohort of so many trials failed like this; losses counts the workers it lost so far,
    hung ones among them."""

    trials: int
    kind: FailureKind
    losses: int


def remedy_for(failure: CohortFailure) -> Remedy:
    """Split at once what may be the trials' fault; blame nobody for a lost worker too early."""
    alone = failure.trials == 1
    if failure.kind is FailureKind.STATE_LOST:
        return Remedy.RETRY
    if failure.kind in (FailureKind.WORKER_LOST, FailureKind.HUNG):
        limit = LOSSES_OF_A_LONE_TRIAL if alone else LOSSES_OF_A_COHORT
        if failure.losses < limit:
            return Remedy.RETRY
    return Remedy.GIVE_UP if alone else Remedy.SPLIT


def deadline_seconds(work: float, slowest_pace: float | None) -> float | None:
    """How long a cohort of this work may take; None: nothing has been measured to say so.

    slowest_pace is the most seconds that a unit of work has taken so far.
    """
    if slowest_pace is None:
        return None
    return max(SHORTEST_DEADLINE, TIMES_THE_SLOWEST * slowest_pace * work)


def is_hopeless(complete: int, failed: int) -> bool:
    """Whether a study with nothing but failures should end."""
    return complete == 0 and failed >= FAILURES_OF_A_HOPELESS_STUDY
