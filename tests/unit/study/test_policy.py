"""What follows a failure."""

import pytest

from study.policy import CohortFailure, Remedy, is_hopeless, remedy_for
from workers.pool import FailureKind


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
        (8, FailureKind.STATE_LOST, 0, Remedy.RETRY),
        (1, FailureKind.STATE_LOST, 9, Remedy.RETRY),
    ],
)
def test_blame_is_sought_where_it_can_lie(trials, kind, losses, remedy):
    assert remedy_for(CohortFailure(trials, kind, losses)) is remedy


def test_a_study_is_hopeless_after_ten_failures_and_no_success():
    assert not is_hopeless(complete=0, failed=9)
    assert is_hopeless(complete=0, failed=10)
    assert not is_hopeless(complete=1, failed=100)
