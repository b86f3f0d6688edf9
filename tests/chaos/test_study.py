"""A study while its workers, its coordinator and its database are killed again and again: at the
end it stands as if nothing had happened.

`pytest tests/chaos/test_study.py --chaos-trials 200` is the long version.
"""

import random
import time
from typing import Any

import psutil
import pytest

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.errors import StorageError
from storage.studies.runs import read_run
from tests.chaos.storm import WorkerKiller, stopped_at_once
from tests.chaos.studies import Study, assert_bitwise_equal, wait_for


@pytest.mark.timeout(1200)
def test_a_study_under_kills_of_everything_comes_to_the_very_same_numbers(
    tmp_path, private_postgres_server: Any, cluster, undisturbed, trials
):
    server = private_postgres_server
    study = Study(
        *(tmp_path, server.get_uri(), "--ray", cluster.address, "--trials", str(trials)),
        **cluster.member_environment(),
    )
    rng = random.Random(trials)
    kills, stops = (5, 2) if trials >= 200 else (2, 1)
    # In the short version only for a while: on a busy machine a new worker takes longer to start
    # than the next kill to come.
    killer = WorkerKiller(cluster.head, random.Random(1), most=100 if trials >= 200 else 10)
    with killer.at_work(), open_database(study.url) as database:
        for life in range(kills + 1):
            process = study.start()
            try:
                if life >= kills + 1 - stops:
                    # It has the study, and goes on by itself when the database is back.
                    wait_for(lambda pid=process.pid: holder(database) == pid, "it has the lease")
                    time.sleep(rng.uniform(0.0, 2.0))
                    before = len(study.events("database away"))
                    with stopped_at_once(server):
                        wait_for(lambda n=before: len(study.events("database away")) > n, "away")
                        time.sleep(rng.uniform(0.0, 2.0))
                    wait_for(lambda n=before: len(study.events("database back")) > n, "back")
                    time.sleep(rng.uniform(0.0, 2.0))
                elif life:
                    wait_for(lambda pid=process.pid: holder(database) == pid, "it takes over", 20)
                    time.sleep(rng.uniform(0.0, 4.0))
                else:
                    time.sleep(rng.uniform(1.0, 8.0))  # also before it has begun
                assert process.poll() is None, study.said()
                if life == kills:
                    assert process.wait(600) == 0, study.said()
            finally:
                process.kill()
                process.wait()
        assert read_run(database, "chaos").status == "finished"
    found = study.tables()
    assert list(found["load_results"]["trial"]) == list(range(trials))
    assert set(found["load_results"]["state"]) == {"COMPLETE"}
    assert_bitwise_equal(found, undisturbed)
    assert len(study.events("lease taken")) >= kills
    assert len(study.events("database back")) == stops
    assert killer.killed >= 3


def holder(database: Database) -> int | None:
    """The process that has the study's lease."""
    try:
        owner = read_run(database, "chaos").owner
    except StorageError:
        return None
    return None if owner is None else owner.pid


def test_killed_worker_processes_change_no_number(tmp_path, undisturbed):
    study = Study(
        tmp_path,
        f"sqlite:///{tmp_path / 'study.db'}",
        "--trials",
        str(len(undisturbed["load_results"])),
    )
    process = study.start()
    killer = WorkerKiller(psutil.Process(process.pid), random.Random(2), most=3, every=0.7)
    try:
        with killer.at_work():
            assert process.wait(240) == 0, study.said()
    finally:
        process.kill()
        process.wait()
    assert killer.killed > 0
    assert_bitwise_equal(study.tables(), undisturbed)
