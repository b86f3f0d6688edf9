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


class Remedy(Enum):
    """What to do with a cohort that failed."""

    RETRY = "train it again from the start"
    SPLIT = "train its halves apart"
    GIVE_UP = "fail its only trial"


@dataclass(frozen=True, slots=True)
class CohortFailure:
    """A cohort of so many trials failed like this; losses counts the workers it lost so far."""

    trials: int
    kind: FailureKind
    losses: int


def remedy_for(failure: CohortFailure) -> Remedy:
    """Split at once what may be the trials' fault; blame nobody for a lost worker too early."""
    alone = failure.trials == 1
    if failure.kind is FailureKind.STATE_LOST:
        return Remedy.RETRY
    if failure.kind is FailureKind.WORKER_LOST:
        limit = LOSSES_OF_A_LONE_TRIAL if alone else LOSSES_OF_A_COHORT
        if failure.losses < limit:
            return Remedy.RETRY
    return Remedy.GIVE_UP if alone else Remedy.SPLIT


def is_hopeless(complete: int, failed: int) -> bool:
    """Whether a study with nothing but failures should end."""
    return complete == 0 and failed >= FAILURES_OF_A_HOPELESS_STUDY
