"""What every pool does, whatever carries its segments out."""

from collections.abc import Callable, Iterator

import numpy
import pytest
import torch

from workers.configuration import Configuration, TrainingSettings
from workers.data import DataSource, load_dataset
from workers.pools.pool import Done, Failed, FailureKind, Pool, kind_of
from workers.segment import Segment, TrialWork

SETTINGS = TrainingSettings(epochs=4, replicates=1)


@pytest.fixture(scope="module")
def ray_pool() -> Iterator[Pool]:
    from workers.pools.ray_cluster import RayPool

    pool = RayPool(load_dataset(DataSource("wine")))
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def process_pool() -> Iterator[Pool]:
    from workers.pools.processes import ProcessPool

    pool = ProcessPool(load_dataset(DataSource("wine")), slots=2)
    yield pool
    pool.close()


@pytest.fixture(params=["serial", "processes", "simulated", "ray"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    if request.param == "ray":
        yield request.getfixturevalue("ray_pool")
    elif request.param == "processes":
        yield request.getfixturevalue("process_pool")
    elif request.param == "serial":
        from workers.pools.serial import SerialPool

        yield SerialPool(load_dataset(DataSource("wine")))
    else:
        from workers.pools.simulated import SimulatedPool

        yield SimulatedPool()


def segment(*trials: int, first: int = 0, last: int = 4, **changes: object) -> Segment:
    works = tuple(TrialWork(trial, Configuration(**changes)) for trial in trials)
    return Segment(works, SETTINGS, seed=0, first_epoch=first, last_epoch=last)


def collected(pool: Pool, count: int) -> dict[int, Done | Failed]:
    found: dict[int, Done | Failed] = {}
    for _ in range(400):
        found |= {completion.ticket: completion for completion in pool.collect(0.25)}
        if len(found) >= count:
            return found
    pytest.fail(f"only {len(found)} of {count} segments came back")


def test_a_segment_comes_back_with_a_report_of_every_trial(pool):
    ticket = pool.submit(segment(3, 7, ensemble_size=2))
    done = collected(pool, 1)[ticket]
    assert isinstance(done, Done)
    assert [trial.trial for trial in done.report.trials] == [3, 7]
    assert done.report.trials[0].epochs == 4
    assert len(done.report.trials[0].replicates[0].members) == 2


def test_every_ticket_comes_back_once(pool):
    tickets = {pool.submit(segment(trial)) for trial in range(5)}
    assert set(collected(pool, 5)) == tickets
    assert pool.collect(0.0) == ()


def test_a_training_goes_on_from_its_states_also_from_different_cohorts(pool):
    first, second = pool.submit(segment(0, 1, last=2)), pool.submit(segment(2, last=2))
    halves = collected(pool, 2)
    states = [halves[first].state, halves[second].state]
    ticket = pool.submit(segment(1, 2, first=2), states)
    together = collected(pool, 1)[ticket]
    alone = pool.submit(segment(1))
    assert isinstance(together, Done)
    expected = collected(pool, 1)[alone].report.trials[0].replicates[0]
    measured = together.report.trials[0].replicates[0]
    assert measured.test_accuracy == expected.test_accuracy
    assert measured.train_loss == expected.train_loss


def test_a_cancelled_segment_does_not_come_back(pool):
    cancelled = pool.submit(segment(0))
    pool.cancel([cancelled])
    kept = pool.submit(segment(1))
    assert set(collected(pool, 1)) == {kept}


def test_there_is_at_least_one_slot(pool):
    assert pool.slots() >= 1


@pytest.mark.parametrize("name", ["serial", "processes", "ray"])
def test_an_error_in_a_segment_is_its_outcome_in_one_line(request, name):
    make: Callable[[], Pool] = {
        "ray": lambda: request.getfixturevalue("ray_pool"),
        "processes": lambda: request.getfixturevalue("process_pool"),
        "serial": _serial,
    }[name]
    pool = make()
    ticket = pool.submit(segment(0, first=2))  # its state is not given
    failed = collected(pool, 1)[ticket]
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.ERROR
    assert "no state of trial 0" in failed.reason
    assert "\n" not in failed.reason


@pytest.mark.parametrize("made", ["no_addresses", "no_numbers", "no_place", "by_ray"])
def test_memory_that_runs_out_is_told_from_other_errors(made):
    """Who is to blame for it is sought otherwise than for an error of one's own."""
    from ray.exceptions import OutOfMemoryError, RayTaskError

    from workers.pools.ray_cluster import _kind

    if made == "by_ray":
        assert _kind(OutOfMemoryError("killed to save the node")) is FailureKind.OUT_OF_MEMORY
        return
    with pytest.raises((MemoryError, RuntimeError)) as raised:
        {"no_addresses": bytes, "no_numbers": numpy.empty, "no_place": torch.empty}[made](2**50)
    assert kind_of(raised.value) is FailureKind.OUT_OF_MEMORY
    seen = RayTaskError("_train", "", raised.value).as_instanceof_cause()
    assert _kind(seen) is FailureKind.OUT_OF_MEMORY


def test_a_state_that_its_node_took_along_is_not_held_against_the_trial():
    from ray.exceptions import ObjectLostError, OwnerDiedError, RayTaskError

    from workers.pools.ray_cluster import _kind

    for lost in (ObjectLostError, OwnerDiedError):
        gone = lost("00" * 28, "", "")
        assert _kind(gone) is FailureKind.STATE_LOST
        assert _kind(RayTaskError("_train", "", gone)) is FailureKind.STATE_LOST


def _serial() -> Pool:
    from workers.pools.serial import SerialPool

    return SerialPool(load_dataset(DataSource("wine")))
