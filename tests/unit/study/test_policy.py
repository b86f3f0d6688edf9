"""What follows a failure."""

import pytest

from study.coordinator.policy import (
    MOST_LOSSES,
    CohortFailure,
    Remedy,
    is_hopeless,
    losses_that_prove,
    remedy_for,
)
from workers.pools.pool import FailureKind


@pytest.mark.parametrize(
    ("trials", "kind", "losses", "remedy"),
    [
        (8, FailureKind.WORKER_LOST, 1, Remedy.RETRY),
        (8, FailureKind.WORKER_LOST, 3, Remedy.SPLIT),
        (1, FailureKind.WORKER_LOST, 4, Remedy.RETRY),
        (1, FailureKind.WORKER_LOST, 5, Remedy.GIVE_UP),
        (8, FailureKind.OUT_OF_MEMORY, 0, Remedy.SPLIT),
        (1, FailureKind.OUT_OF_MEMORY, 0, Remedy.GIVE_UP),
        (2, FailureKind.ERROR, 0, Remedy.SPLIT),
        (1, FailureKind.ERROR, 0, Remedy.GIVE_UP),
        (8, FailureKind.STATE_LOST, 0, Remedy.RETRY_FROM_THE_START),
        (1, FailureKind.STATE_LOST, 9, Remedy.RETRY_FROM_THE_START),
    ],
)
def test_blame_is_sought_where_it_can_lie(trials, kind, losses, remedy):
    assert remedy_for(CohortFailure(trials, kind, losses)) is remedy


def test_a_lone_trial_is_not_blamed_where_the_others_lose_their_workers_as_well():
    def after(losses: int, others_lost: float) -> Remedy:
        failure = CohortFailure(1, FailureKind.WORKER_LOST, losses, others_lost=others_lost)
        return remedy_for(failure)

    assert after(5, others_lost=0.1) is Remedy.GIVE_UP
    assert after(5, others_lost=0.5) is Remedy.RETRY
    assert after(10, others_lost=0.5) is Remedy.GIVE_UP
    assert after(MOST_LOSSES, others_lost=1.0) is Remedy.GIVE_UP


def test_the_more_losses_are_usual_the_more_are_needed_for_a_proof():
    needed = [losses_that_prove(share / 100) for share in range(101)]
    assert needed == sorted(needed)
    assert (needed[0], needed[-1]) == (5, MOST_LOSSES)


def test_memory_that_ran_out_beside_others_may_be_their_fault():
    def after(failures: int, others_running: int, trials: int = 1) -> Remedy:
        kind = FailureKind.OUT_OF_MEMORY
        return remedy_for(
            CohortFailure(trials, kind, memory_failures=failures, others_running=others_running)
        )

    assert after(1, others_running=0) is Remedy.GIVE_UP
    assert after(1, others_running=3) is Remedy.RETRY_APART
    assert after(3, others_running=3) is Remedy.GIVE_UP
    assert after(1, others_running=3, trials=4) is Remedy.SPLIT


def test_a_study_is_hopeless_after_ten_failures_and_no_success():
    assert not is_hopeless(complete=0, failed=9)
    assert is_hopeless(complete=0, failed=10)
    assert not is_hopeless(complete=1, failed=100)
