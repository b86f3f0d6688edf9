"""What every pool does, whatever carries its segments out.

A pool that is added to the table in workers/pools/kinds.py is tried here by its keyword.
"""

import inspect
from collections.abc import Iterator

import numpy
import pytest
import torch

from workers.configuration import Configuration, TrainingSettings
from workers.data import DataSource, load_dataset
from workers.pools.kinds import KINDS, PoolRequest, kind_at, shared_kind_at
from workers.pools.pool import Done, Failed, FailureKind, Pool, kind_of
from workers.segment import Segment, TrialWork

SETTINGS = TrainingSettings(epochs=4, replicates=1)


# Those that train, each opened once for this module; a simulated one does not.
TRAINING = [kind.keyword for kind in KINDS]


@pytest.fixture(scope="module")
def opened() -> Iterator[dict[str, Pool]]:
    pools: dict[str, Pool] = {}
    yield pools
    for pool in pools.values():
        pool.close()


@pytest.fixture(params=[*TRAINING, "simulated"])
def pool(request: pytest.FixtureRequest, opened: dict[str, Pool]) -> Pool:
    if request.param == "simulated":
        from workers.pools.simulated import SimulatedPool

        return SimulatedPool()
    return training_pool(request.param, opened)


@pytest.fixture(params=TRAINING)
def real_pool(request: pytest.FixtureRequest, opened: dict[str, Pool]) -> Pool:
    return training_pool(request.param, opened)


def training_pool(keyword: str, opened: dict[str, Pool]) -> Pool:
    if keyword not in opened:
        kind, address = kind_at(keyword)
        dataset = load_dataset(DataSource("wine"))
        opened[keyword] = kind.open(PoolRequest(dataset=dataset, address=address))
    return opened[keyword]


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


def test_a_pool_has_all_of_the_protocol(pool):
    asked = {name: member for name, member in vars(Pool).items() if inspect.isfunction(member)}
    asked = {name: member for name, member in asked.items() if not name.startswith("_")}
    assert {"slots", "submit", "collect", "cancel", "close"} <= asked.keys()
    for name, member in asked.items():
        theirs = inspect.signature(getattr(type(pool), name)).parameters
        assert list(theirs) == list(inspect.signature(member).parameters), name
    assert isinstance(pool.in_foreground, bool)
    assert pool.cluster is None  # each of these is on this machine alone


def test_an_error_in_a_segment_is_its_outcome_in_one_line(real_pool):
    ticket = real_pool.submit(segment(0, first=2))  # its state is not given
    failed = collected(real_pool, 1)[ticket]
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.ERROR
    assert "no state of trial 0" in failed.reason
    assert "\n" not in failed.reason


def test_every_address_is_of_one_kind():
    named = [*TRAINING, *(f"{kind.scheme}://host:1" for kind in KINDS if kind.scheme)]
    assert len(set(named)) == len(named), "two entries of workers/pools/kinds.py share an address"
    for kind in KINDS:
        assert kind_at(kind.keyword) == (kind, None)
        if kind.scheme is not None:
            address = f"{kind.scheme}://head:10001"
            assert kind_at(address) == (kind, address)


def test_without_an_address_processes_train_and_a_cluster_where_gpus_are_taken_or_shared():
    assert kind_at(None)[0].keyword == "processes"
    assert kind_at(None, gpus=0.5) == shared_kind_at(None)
    assert shared_kind_at(None)[0].cluster is not None
    assert kind_at("head:6379", gpus=1.0) == (kind_at("local")[0], "head:6379")


@pytest.mark.parametrize("made", ["no_addresses", "no_numbers", "no_place", "by_ray"])
def test_memory_that_runs_out_is_told_from_other_errors(made):
    """Who is to blame for it is sought otherwise than for an error of one's own."""
    from ray.exceptions import OutOfMemoryError, RayTaskError

    from workers.pools.ray_errors import failure_kind

    if made == "by_ray":
        assert (
            failure_kind(OutOfMemoryError("killed to save the node")) is FailureKind.OUT_OF_MEMORY
        )
        return
    with pytest.raises((MemoryError, RuntimeError)) as raised:
        {"no_addresses": bytes, "no_numbers": numpy.empty, "no_place": torch.empty}[made](2**50)
    assert kind_of(raised.value) is FailureKind.OUT_OF_MEMORY
    seen = RayTaskError("_train", "", raised.value).as_instanceof_cause()
    assert failure_kind(seen) is FailureKind.OUT_OF_MEMORY


def test_a_state_that_its_node_took_along_is_not_held_against_the_trial():
    from ray.exceptions import ObjectLostError, OwnerDiedError, RayTaskError

    from workers.pools.ray_errors import failure_kind

    for lost in (ObjectLostError, OwnerDiedError):
        gone = lost("00" * 28, "", "")
        assert failure_kind(gone) is FailureKind.STATE_LOST
        assert failure_kind(RayTaskError("_train", "", gone)) is FailureKind.STATE_LOST


def test_every_error_that_ray_has_is_mapped():
    from ray import exceptions

    from workers.pools.ray_errors import KIND_OF

    known = {e for e in vars(exceptions).values() if inspect.isclass(e)}
    errors = {error for error in known if issubclass(error, exceptions.RayError)}
    assert len(errors) > 30
    unmapped = sorted(error.__name__ for error in errors - KIND_OF.keys())
    assert not unmapped, f"give {unmapped} a FailureKind in KIND_OF of workers/pools/ray_errors.py"


def test_an_error_that_only_its_parent_is_known_of_is_what_that_is():
    from ray.exceptions import ObjectLostError

    from workers.pools.ray_errors import failure_kind

    class LostAgain(ObjectLostError):
        def __init__(self) -> None:
            pass

    assert failure_kind(LostAgain()) is FailureKind.STATE_LOST
