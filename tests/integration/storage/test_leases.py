"""The lease lets one in, and fences the others out, by the database's clock."""

import contextlib
import threading
import time

import pytest

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.errors import LeaseHeld, LeaseLost, StudyNotFound
from storage.owners import Owner
from storage.studies.leases import Lease, acquire_lease, release_lease, renew_lease
from storage.studies.runs import read_run, update_specification
from storage.studies.splits import write_splits
from storage.studies.transitions import set_status
from storage.tables.status import RunStatus
from tests.integration.storage.studies import make_run

HERE, THERE = Owner("here", 1), Owner("there", 2)


def test_one_holds_the_study_and_the_other_is_told_who_and_for_how_long(database: Database):
    make_run(database)
    lease = acquire_lease(database, "digits", HERE, 30.0)
    run = read_run(database, "digits")
    assert (run.owner, run.lease_epoch, run.lease_expires_at) == (HERE, 1, lease.expires_at)
    with pytest.raises(LeaseHeld, match="process 1 on here; its lease runs for another 30 s") as e:
        acquire_lease(database, "digits", THERE, 30.0)
    assert e.value.owner == HERE
    assert 29 < e.value.seconds_left <= 30
    assert e.value.expires_at == lease.expires_at


def test_an_expired_lease_is_taken_over_and_its_holder_is_fenced_out(database: Database):
    make_run(database)
    lost = acquire_lease(database, "digits", HERE, 0.2)
    time.sleep(0.3)
    renewed = renew_lease(database, lost)  # expired, but nobody took it
    assert renewed.epoch == lost.epoch
    time.sleep(0.3)
    taken = acquire_lease(database, "digits", THERE, 30.0)
    assert taken.epoch == lost.epoch + 1
    for write in (
        lambda: renew_lease(database, lost),
        lambda: set_status(database, lost, RunStatus.RUNNING),
        lambda: update_specification(database, lost, {}, "0" * 64),
        lambda: write_splits(database, lost, []),
    ):
        with pytest.raises(LeaseLost, match="process 2 on there has it now; nothing was written"):
            write()
    release_lease(database, lost)
    assert read_run(database, "digits").owner == THERE
    assert read_run(database, "digits").status is RunStatus.QUEUED


def test_a_lease_that_its_own_process_takes_again_fences_the_first_one_out(database: Database):
    make_run(database)
    first = acquire_lease(database, "digits", HERE, 30.0)
    second = acquire_lease(database, "digits", HERE, 30.0)
    assert second.epoch == first.epoch + 1
    with pytest.raises(LeaseLost):
        renew_lease(database, first)


def test_a_dead_owner_is_followed_at_once_when_the_caller_vouches_for_it(database: Database):
    make_run(database)
    acquire_lease(database, "digits", HERE, 30.0)
    with pytest.raises(LeaseHeld):
        acquire_lease(database, "digits", THERE, 30.0, force_from=Owner("here", 1))
    assert acquire_lease(database, "digits", THERE, 30.0, force_from=HERE).epoch == 2


def test_a_released_study_is_free_and_the_epoch_still_rises(database: Database):
    make_run(database)
    lease = acquire_lease(database, "digits", HERE, 30.0)
    release_lease(database, lease)
    assert read_run(database, "digits").owner is None
    with pytest.raises(LeaseLost, match="given back"):
        renew_lease(database, lease)
    assert acquire_lease(database, "digits", THERE, 30.0).epoch == 2


def test_the_lease_on_a_study_that_is_not_there_is_refused(database: Database):
    with pytest.raises(StudyNotFound):
        acquire_lease(database, "digits", HERE, 30.0)


def test_of_many_takers_exactly_one_wins(database_url: str):
    with open_database(database_url) as database:
        make_run(database)
        for epoch in range(1, 6):
            won: list[Lease] = []
            start = threading.Barrier(8)

            def taking(number: int, won: list[Lease] = won, start: threading.Barrier = start):
                start.wait()
                with contextlib.suppress(LeaseHeld):
                    won.append(acquire_lease(database, "digits", Owner("host", number), 30.0))

            threads = [threading.Thread(target=taking, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert [lease.epoch for lease in won] == [epoch]
            release_lease(database, won[0])
