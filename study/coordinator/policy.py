"""What follows a failure: pure decisions on what is known of a cohort."""

import math
from dataclasses import dataclass
from enum import Enum

from workers.pools.pool import FailureKind

# A trial alone in its cohort that lost this many workers in a row is taken to be the cause …
LOSSES_OF_A_LONE_TRIAL = 5
# … unless so many would be no wonder, because the others lose theirs as well …
CHANCE_OF_WRONG_BLAME = 1e-3
# … but no trial is tried more often than this.
MOST_LOSSES = 20
# Memory that ran out may have been taken by a neighbour: only who stands alone, or has failed
# beside so many different ones, is taken to be the cause.
MEMORY_FAILURES_OF_A_LONE_TRIAL = 3
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

    RETRY = "train it again from where it was"
    RETRY_FROM_THE_START = "train it again from epoch 0"
    RETRY_APART = "train it again when those that run beside it now have ended"
    SPLIT = "train its halves apart"
    GIVE_UP = "fail its only trial"


@dataclass(frozen=True, slots=True)
class CohortFailure:
    """A cohort of so many trials failed like this.

    losses counts the workers it has lost in this composition, hung ones among them, and
    memory_failures how often memory ran out on it, this time included. others_lost is the share of
    the other cohorts' tries that lost their worker, others_running how many cohorts were being
    trained beside it when it failed.
    """

    trials: int
    kind: FailureKind
    losses: int = 0
    memory_failures: int = 0
    others_lost: float = 0.0
    others_running: int = 0


def remedy_for(failure: CohortFailure) -> Remedy:
    """Split at once what may be the trials' fault; blame nobody for a lost worker too early."""
    alone = failure.trials == 1
    match failure.kind:
        case FailureKind.STATE_LOST:
            return Remedy.RETRY_FROM_THE_START
        case FailureKind.WORKER_LOST | FailureKind.HUNG:
            limit = losses_that_prove(failure.others_lost) if alone else LOSSES_OF_A_COHORT
            if failure.losses < limit:
                return Remedy.RETRY
        case FailureKind.OUT_OF_MEMORY:
            few = failure.memory_failures < MEMORY_FAILURES_OF_A_LONE_TRIAL
            if alone and failure.others_running and few:
                return Remedy.RETRY_APART
        case FailureKind.ERROR:
            pass
    return Remedy.GIVE_UP if alone else Remedy.SPLIT


def losses_that_prove(others_lost: float) -> int:
    """How many workers a lone trial must lose in a row to be taken for the cause.

    others_lost is the share of the other cohorts' tries that lost their worker.
    """
    if others_lost <= 0:
        return LOSSES_OF_A_LONE_TRIAL
    if others_lost >= 1:
        return MOST_LOSSES
    wonder = math.ceil(math.log(CHANCE_OF_WRONG_BLAME) / math.log(others_lost))
    return min(max(wonder, LOSSES_OF_A_LONE_TRIAL), MOST_LOSSES)


def deadline_seconds(work: float, slowest_pace: float) -> float:
    """How long a cohort of this work may take.

    slowest_pace is the most seconds that a unit of work has taken so far.
    """
    return max(SHORTEST_DEADLINE, TIMES_THE_SLOWEST * slowest_pace * work)


def is_hopeless(complete: int, failed: int) -> bool:
    """Whether a study with nothing but failures should end."""
    return complete == 0 and failed >= FAILURES_OF_A_HOPELESS_STUDY
