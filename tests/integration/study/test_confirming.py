"""A confirmation while workers and its database are lost, on a pool that trains nothing."""

from contextlib import contextmanager

import pytest

from storage.errors import DatabaseUnreachable
from storage.owners import Owner
from storage.reading.frames import load_members, load_replicates
from storage.studies.leases import acquire_lease, release_lease
from storage.studies.runs import read_run
from storage.studies.splits import ReplicatePurpose, read_splits
from storage.studies.transitions import set_status
from storage.tables.status import RunStatus
from storage.trials.confirmations import confirmed_replicates
from storage.trials.storage import TrialStorage
from study.coordinator import confirmation
from study.coordinator.coordinator import Ending
from study.errors import StudyFailed
from study.launching import fresh_training
from study.launching.fresh_training import parts_of, train_fresh
from study.launching.lease import Heartbeat
from study.launching.plan import make_plan
from study.launching.run import create_study, run_coordinator
from study.monitoring.progress import NoProgress
from tests.integration.study.bench import spec_of
from workers.data import DataSource, load_dataset
from workers.pools.pool import FailureKind
from workers.pools.simulated import SimulatedPool

WINE = ("data.source=wine", "search.ensemble_size=2")


@contextmanager
def leased(bench, spec):
    lease = acquire_lease(bench.database, spec.name, Owner.this_process(), 60.0)
    try:
        with Heartbeat(bench.database, lease) as heartbeat:
            yield heartbeat
    finally:
        release_lease(bench.database, lease)


def confirm(bench, spec, numbers, pool, **others):
    trials = TrialStorage(bench.database)
    study_id = trials.get_study_id_from_name(spec.name)
    parts = parts_of(spec, trials, study_id, numbers, 10)
    dataset = load_dataset(DataSource("wine"))
    with leased(bench, spec) as heartbeat:
        return train_fresh(
            *(bench.database, spec, dataset, heartbeat, pool, NoProgress(), parts), **others
        )


@pytest.fixture
def searched(bench):
    """A study of eight trials of three replicates each that was searched."""
    spec = spec_of(*WINE, trials=8)
    bench.run(spec)
    with bench.database.write() as connection:
        connection.exec_driver_sql("UPDATE study_runs SET owner = NULL")
    return spec


def of_trial(number):
    return lambda segment: any(work.trial == number for work in segment.trials)


def test_every_trial_has_so_many_replicates_beyond_those_of_the_search(bench, searched):
    ending = confirm(bench, searched, [5, 1], SimulatedPool())
    assert (ending.stopped, ending.failed, ending.reason) == (False, (), None)
    assert confirmed_replicates(bench.database, searched.name) == {1: 10, 5: 10}
    fresh = load_replicates(searched.name, bench.database, purpose="confirmation")
    assert sorted(set(fresh["replicate"])) == list(range(3, 13))
    assert len(load_members(searched.name, bench.database, purpose="confirmation")) == 40
    splits = read_splits(bench.database, searched.name, ReplicatePurpose.CONFIRMATION)
    assert [split.replicate for split in splits] == list(range(3, 13))


def test_lost_workers_change_nothing(bench, searched):
    lost = []

    def failure_of(segment):
        lost.append(segment)
        return FailureKind.WORKER_LOST if len(lost) <= 3 else None

    ending = confirm(bench, searched, [5, 1, 2], SimulatedPool(failure_of=failure_of))
    assert ending.reason is None
    assert len(lost) > 3
    assert all(segment.first_replicate == 3 for segment in lost)
    assert confirmed_replicates(bench.database, searched.name) == {1: 10, 2: 10, 5: 10}


def test_a_trial_that_cannot_be_trained_is_named_and_the_others_are_kept(bench, searched):
    kills = of_trial(1)
    pool = SimulatedPool(failure_of=lambda s: FailureKind.ERROR if kills(s) else None)
    ending = confirm(bench, searched, [5, 1, 2], pool)
    assert ending.reason is not None
    assert ending.reason.startswith("trial 1 could not be confirmed: ")
    assert confirmed_replicates(bench.database, searched.name) == {2: 10, 5: 10}


def test_what_is_trained_while_the_database_is_away_is_written_when_it_is_back(
    bench, searched, monkeypatch
):
    monkeypatch.setattr("study.coordinator.outage.SECONDS_BETWEEN_TRIES", 0.0)
    write, failures = fresh_training.write_confirmations, iter(range(3))

    def away(*arguments):
        if next(failures, None) is not None:
            raise DatabaseUnreachable("it is away")
        write(*arguments)

    monkeypatch.setattr(fresh_training, "write_confirmations", away)
    assert confirm(bench, searched, [5], SimulatedPool()).reason is None
    assert confirmed_replicates(bench.database, searched.name) == {5: 10}


def test_a_study_whose_trials_cannot_be_confirmed_is_finished_and_says_so(bench):
    spec = spec_of(*WINE, "confirm={trials: 2}", trials=6)
    plan = make_plan(spec)
    run = create_study(bench.database, spec)
    pool = SimulatedPool(failure_of=lambda s: FailureKind.ERROR if s.first_replicate else None)
    lease = acquire_lease(bench.database, spec.name, Owner.this_process(), 60.0)
    set_status(bench.database, lease, RunStatus.RUNNING)
    with Heartbeat(bench.database, lease) as heartbeat, pytest.raises(StudyFailed) as failed:
        run_coordinator(
            *(bench.database, run, plan, heartbeat, pool, NoProgress()),
            on_stopped=lambda lease: None,
            on_pool_lost=lambda lease, reason: None,
        )
    assert "is finished, but trial" in str(failed.value)
    now = read_run(bench.database, spec.name)
    assert now.status is RunStatus.FINISHED
    assert "could not be confirmed (and 1 more)" in now.error


def test_a_search_that_was_stopped_is_not_confirmed(bench, monkeypatch):
    spec = spec_of(*WINE, "confirm={trials: 2}", trials=6)
    plan = make_plan(spec)
    run = create_study(bench.database, spec)
    lease = acquire_lease(bench.database, spec.name, Owner.this_process(), 60.0)
    set_status(bench.database, lease, RunStatus.RUNNING)
    with Heartbeat(bench.database, lease) as heartbeat:
        monkeypatch.setattr(heartbeat, "stop_requested", lambda: True)
        ending = run_coordinator(
            *(bench.database, run, plan, heartbeat, SimulatedPool(), NoProgress()),
            on_stopped=lambda lease: None,
            on_pool_lost=lambda lease, reason: None,
        )
    assert ending is Ending.STOPPED
    assert confirmed_replicates(bench.database, spec.name) == {}


def test_a_loop_that_is_asked_to_stop_trains_nothing_more(bench, searched, monkeypatch):
    monkeypatch.setattr(Heartbeat, "stop_requested", lambda self: True)
    assert confirm(bench, searched, [5], SimulatedPool()).stopped
    assert confirmed_replicates(bench.database, searched.name) == {}
    assert confirmation.ConfirmationEnding(stopped=True).reason is None
