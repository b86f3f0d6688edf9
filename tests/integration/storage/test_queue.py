"""The queue: the oldest first, each to one service only, and given up after too many crashes."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.errors import LeaseHeld, LeaseLost, StudyNotFound
from storage.owners import Owner
from storage.studies.cluster_demand import ALL_SLOTS, read_demand, write_demand
from storage.studies.crashes import MOST_CRASHES
from storage.studies.leases import Lease, renew_lease
from storage.studies.queue import (
    claim_next,
    enqueue,
    lease_owners,
    record_crash,
    remove_from_queue,
    requeue,
    requeue_abandoned,
    transfer_lease,
)
from storage.studies.runs import read_run, record_data
from storage.studies.transitions import request_stop, set_status
from storage.tables.schema import study_runs
from storage.tables.status import RunStatus
from storage.trials.storage import TrialStorage
from tests.integration.storage.studies import finished, make_run, new_trial, take_lease

HERE, THERE = Owner("here", 1), Owner("there", 2)


def queue(database: Database, name: str = "digits") -> None:
    make_run(database, name)
    enqueue(database, name, {"name": name}, "ab" * 32)


def claim(database: Database, owner: Owner = HERE, seconds: float = 30.0) -> Lease:
    lease = claim_next(database, owner, seconds)
    assert lease is not None
    return lease


def make_due(database: Database) -> None:
    """Let every back-off be over."""
    with database.write() as connection:
        connection.execute(text("UPDATE study_runs SET claim_after = NULL"))


def test_the_study_that_waits_for_longest_is_claimed_first(database: Database):
    for name in ("first", "second", "third"):
        queue(database, name)
    enqueue(database, "first", {"name": "first"}, "ab" * 32)  # again: to the end
    claimed = [claim(database).study for _ in range(3)]
    assert claimed == ["second", "third", "first"]
    assert claim_next(database, HERE, 30.0) is None
    run = read_run(database, "second")
    assert (run.status, run.owner, run.lease_epoch) == (RunStatus.RUNNING, HERE, 1)
    assert run.started_at is not None


def test_places_in_the_queue_follow_each_other_however_fast_studies_join_it(database: Database):
    names = [f"study {number}" for number in range(12)]
    for name in names:
        queue(database, name)
    for name in reversed(names):  # in fewer ticks of SQLite's clock than there are studies
        enqueue(database, name, {"name": name}, "ab" * 32)
    assert [claim(database).study for _ in names] == names[::-1]


def test_a_study_that_was_launched_in_the_foreground_is_nobody_elses(database: Database):
    make_run(database)
    assert claim_next(database, THERE, 30.0) is None
    lease = take_lease(database, seconds=0.05)
    set_status(database, lease, RunStatus.RUNNING)
    time.sleep(0.1)
    assert requeue_abandoned(database) == []
    assert read_run(database, "digits").status is RunStatus.RUNNING


def test_who_takes_a_queued_study_in_the_foreground_keeps_it_from_the_services(database: Database):
    queue(database)
    remove_from_queue(database, take_lease(database))
    assert claim_next(database, THERE, 30.0) is None
    assert not read_run(database, "digits").detached


def test_many_claimers_never_get_the_same_study(database_url: str):
    with open_database(database_url) as database:
        names = [f"s{number:02}" for number in range(24)]
        for name in names:
            queue(database, name)
        claimed: list[str] = []
        start = threading.Barrier(8)

        def claiming(number: int) -> None:
            start.wait()
            missed = 0
            # Rows that another one is just looking at are skipped, so a miss is not the end.
            while missed < 20:
                lease = claim_next(database, Owner("host", number), 30.0)
                if lease is None:
                    missed += 1
                    time.sleep(0.01)
                else:
                    claimed.append(lease.study)

        threads = [threading.Thread(target=claiming, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(claimed) == names
        with database.read() as connection:
            assert set(connection.scalars(select(study_runs.c.lease_epoch))) == {1}


def test_a_claim_is_handed_over_to_the_process_that_runs_the_study(database: Database):
    queue(database)
    claimed = claim(database)
    handed = transfer_lease(database, claimed, THERE)
    assert read_run(database, "digits").owner == THERE
    assert handed.epoch == claimed.epoch + 1
    with pytest.raises(LeaseLost):
        renew_lease(database, claimed)
    assert renew_lease(database, handed).owner == THERE


def test_a_study_is_put_in_the_queue_again_with_its_larger_budget(database: Database):
    queue(database)
    lease = claim(database)
    with pytest.raises(LeaseHeld, match="process 1 on here"):
        enqueue(database, "digits", {}, "ab" * 32)
    set_status(database, lease, RunStatus.FINISHED)
    requeue(database, lease)
    assert read_run(database, "digits").status is RunStatus.FINISHED
    enqueue(database, "digits", {"budget": {"trials": 99}}, "ef" * 32)
    run = read_run(database, "digits")
    assert (run.status, run.owner, run.finished_at) == (RunStatus.QUEUED, None, None)
    assert run.specification == {"budget": {"trials": 99}}
    with pytest.raises(StudyNotFound):
        enqueue(database, "nobodys", {}, "ef" * 32)


def test_the_process_of_an_enqueued_study_that_is_known_dead_does_not_hold_it(database: Database):
    queue(database)
    claim(database)
    enqueue(database, "digits", {}, "ef" * 32, dead=HERE)
    assert claim(database, THERE).epoch == 2


def test_a_study_that_is_put_back_is_claimed_by_another_service_after_its_delay(
    database: Database,
):
    queue(database)
    assert requeue(database, claim(database)) is RunStatus.QUEUED
    lease = claim(database, THERE)
    assert requeue(database, lease, reason="no cluster", delay=60.0) is RunStatus.QUEUED
    run = read_run(database, "digits")
    assert (run.error, run.crashes, run.owner) == ("no cluster", 0, None)
    assert claim_next(database, HERE, 30.0) is None
    make_due(database)
    assert claim(database).study == "digits"
    assert read_run(database, "digits").error is None


def test_a_study_that_was_asked_to_stop_is_stopped_not_put_back(database: Database):
    queue(database)
    lease = claim(database)
    assert request_stop(database, "digits") is RunStatus.STOPPING
    assert requeue(database, lease) is RunStatus.STOPPED
    assert claim_next(database, THERE, 30.0) is None


def test_a_study_whose_service_fell_silent_is_run_by_another_one(database: Database):
    queue(database)
    lost = claim(database, seconds=0.05)
    time.sleep(0.1)
    assert requeue_abandoned(database) == [("digits", RunStatus.QUEUED)]
    run = read_run(database, "digits")
    assert run.error is not None
    assert "process 1 on here, fell silent (1 time without a finished trial" in run.error
    assert claim_next(database, THERE, 30.0) is None  # it waits for a moment first
    make_due(database)
    claim(database, THERE)
    with pytest.raises(LeaseLost):
        renew_lease(database, lost)


def test_a_process_that_is_known_to_be_dead_is_not_waited_for(database: Database):
    queue(database)
    claim(database)
    assert lease_owners(database) == [HERE]
    assert requeue_abandoned(database) == []
    assert requeue_abandoned(database, [HERE]) == [("digits", RunStatus.QUEUED)]
    assert lease_owners(database) == []


def test_a_study_that_was_to_stop_when_its_service_died_is_stopped(database: Database):
    queue(database)
    claim(database)
    request_stop(database, "digits")
    assert requeue_abandoned(database, [HERE]) == [("digits", RunStatus.STOPPED)]


def test_a_study_without_a_live_coordinator_stops_at_once(database: Database):
    queue(database)
    claim(database, seconds=0.05)
    time.sleep(0.1)
    assert request_stop(database, "digits") is RunStatus.STOPPED


def test_a_study_that_kills_every_coordinator_fails_with_its_reason(database: Database):
    queue(database)
    delays = []
    for _ in range(MOST_CRASHES - 1):
        assert record_crash(database, claim(database), "it was killed") is RunStatus.QUEUED
        run = read_run(database, "digits")
        assert run.claim_after is not None
        delays.append(run.claim_after)
        make_due(database)
    assert record_crash(database, claim(database), "it was killed") is RunStatus.FAILED
    run = read_run(database, "digits")
    assert run.error == "it was killed (5 times without a finished trial in between)"
    assert run.finished_at is not None
    assert claim_next(database, HERE, 30.0) is None
    assert delays[-1] - delays[0] > timedelta(seconds=5)
    enqueue(database, "digits", {}, "ab" * 32)
    assert read_run(database, "digits").crashes == 0


def test_a_crash_after_a_finished_trial_counts_as_the_first(database: Database):
    queue(database)
    storage = TrialStorage(database)
    study_id = read_run(database, "digits").study_id
    for crash in range(2 * MOST_CRASHES):
        lease = claim(database)
        storage.batches.create_trials(study_id, [new_trial()], lease)
        storage.batches.finish_trials(study_id, [finished(crash)], lease)
        assert record_crash(database, lease, "it was killed") is RunStatus.QUEUED
        assert read_run(database, "digits").crashes == 1
        make_due(database)


def test_what_is_known_only_after_the_data_were_read_is_added(database: Database):
    queue(database)
    lease = claim(database)
    record_data(
        database,
        lease,
        data_sha256="12" * 32,
        versions={"torch": "3"},
        user_attributes={"examples": 7, "data": "wine"},
    )
    run = read_run(database, "digits")
    assert (run.data_sha256, run.versions) == ("12" * 32, {"torch": "3"})
    attributes = TrialStorage(database).get_study_user_attrs(run.study_id)
    assert attributes == {"examples": 7, "data": "wine"}


def test_studies_on_one_cluster_know_how_many_slots_the_others_want(database: Database):
    for name in ("one", "two", "elsewhere", "alone"):
        queue(database, name)
    leases = {lease.study: lease for lease in (claim(database) for _ in range(4))}
    assert read_demand(database, leases["one"], "ray:a").wanted_by_others == (ALL_SLOTS,) * 3
    assert read_demand(database, leases["alone"], None).wanted_by_others == ()
    write_demand(database, leases["one"], "ray:a", 8)
    write_demand(database, leases["two"], "ray:a", 3)
    write_demand(database, leases["elsewhere"], "ray:b", 5)
    write_demand(database, leases["alone"], None, 1)
    assert read_demand(database, leases["one"], "ray:a").wanted_by_others == (3,)
    assert read_demand(database, leases["two"], "ray:a").wanted_by_others == (8,)
    assert read_demand(database, leases["alone"], None).wanted_by_others == ()
    set_status(database, leases["two"], RunStatus.FINISHED)
    heard = read_demand(database, leases["one"], "ray:a")
    assert (heard.status, heard.wanted_by_others) == (RunStatus.RUNNING, ())
    # What a study wanted of one cluster says nothing of its next coordinator.
    transfer_lease(database, leases["elsewhere"], THERE)
    assert read_demand(database, leases["one"], "ray:a").wanted_by_others == (ALL_SLOTS,)
