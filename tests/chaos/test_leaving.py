"""One coordinator at a time, and one that is asked to leave does: in five seconds, whatever it or
its database is doing."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.reading.summaries import list_runs
from storage.studies.runs import read_run
from tests.chaos.storm import stopped_at_once
from tests.chaos.studies import Study, wait_for

SECONDS = 5.0
LONG = ("--trials", "2000", "--set", "training.epochs=100")


def leave(process: "subprocess.Popen[str]") -> None:
    """SIGTERM; it has left within SECONDS, with its exit code."""
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = process.wait(60)
    assert time.monotonic() - asked < SECONDS
    assert code == 130


@contextmanager
def started(study: Study, *options: str) -> "Iterator[subprocess.Popen[str]]":
    """A launch that is ended with the block, however that ends."""
    process = study.start(*options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def trials_of(database: Database) -> dict[str, int]:
    (summary,) = list_runs(database)
    return dict(summary.trials)


def test_a_second_coordinator_is_refused_while_the_first_lives_and_takes_over_when_it_is_killed(
    tmp_path, cluster
):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    options = ("--ray", cluster.address, *LONG)
    study = Study(tmp_path, url, *options, **cluster.member_environment())
    other = Study(tmp_path / "other", url, *options, **cluster.member_environment())
    with started(study) as first:
        wait_for(lambda: study.events("cohort returned"), "it trains")
        with started(other) as second:
            assert second.wait(60) == 3
        assert f"process {first.pid}" in other.said()
        with open_database(url) as database:
            assert read_run(database, "chaos").owner.pid == first.pid
            first.kill()
            first.wait()
            assert trials_of(database)["RUNNING"] > 0
            with started(other) as third:
                wait_for(lambda: other.events("study began"), "it takes over", seconds=20)
                (taken,) = other.events("lease taken")
                assert f"process {first.pid}" in taken["taken_from"]
                # What the killed one left running waits again, also what nobody has begun since.
                leave(third)
            run = read_run(database, "chaos")
            assert (run.status, run.owner) == ("stopped", None)
            assert "RUNNING" not in trials_of(database)
            assert trials_of(database)["WAITING"] > 0
    assert "Traceback" not in study.said() + other.said()


@pytest.fixture
def ray_folder() -> Iterator[str]:
    """Where Ray keeps its things, with word of a cluster that is not there any more."""
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        Path(folder, "ray").mkdir()
        Path(folder, "ray", "ray_current_cluster").write_text("127.0.0.1:9")
        yield folder


@pytest.mark.parametrize(
    ("moment", "where"),
    [
        ("loading", ()),
        ("cohort dispatched", ()),
        ("starting Ray", ("--ray", "local")),
        ("cohort dispatched", ("--ray", "local")),
    ],
)
def test_sigterm_is_obeyed_at_every_moment_and_leaves_no_process_behind(
    tmp_path, moment, where, ray_folder
):
    """Also, a cluster of one's own is one's own: whatever Ray finds, it is not joined."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = Study(tmp_path, url, *where, *LONG, **{**os.environ, "RAY_TMPDIR": ray_folder})
    with started(study) as process:
        if moment == "loading":
            time.sleep(1.0)
        else:
            wait_for(lambda: study.events(moment), moment)
        time.sleep(0.3)
        family = psutil.Process(process.pid).children(recursive=True)
        leave(process)
        assert "Traceback" not in study.said()
        _, alive = psutil.wait_procs(family, timeout=15)
        assert not alive
        if study.events("lease taken"):
            with open_database(url) as database:
                run = read_run(database, "chaos")
                assert (run.status, run.owner) == ("stopped", None)
                assert "RUNNING" not in trials_of(database)


@contextmanager
def frozen(server: Any) -> Iterator[None]:
    """The server takes connections and questions, and answers nothing."""
    head = psutil.Process(int((server.pgdata / "postmaster.pid").read_text().split()[0]))
    parts = [head, *head.children(recursive=True)]
    for part in parts:
        part.suspend()
    try:
        yield
    finally:
        for part in parts:
            part.resume()


def test_sigterm_is_obeyed_while_the_database_is_away_and_nothing_is_lost(
    tmp_path, private_postgres_server: Any, cluster
):
    url = private_postgres_server.get_uri()
    study = Study(*(tmp_path, url, "--ray", cluster.address, *LONG), **cluster.member_environment())
    with open_database(url) as database:
        complete = created = 0
        for fault, sign in ((frozen, None), (stopped_at_once, "database away")):
            before = len(study.events("trials committed"))
            with started(study) as process:
                wait_for(lambda n=before: len(study.events("trials committed")) > n, "it trains")
                with fault(private_postgres_server):
                    if sign is None:
                        time.sleep(4.0)  # the lease's thread, at least, has asked and waits
                    else:
                        wait_for(lambda s=sign: study.events(s), "it is missed")
                    leave(process)
            database.dispose()
            found = trials_of(database)
            assert found["COMPLETE"] > complete
            assert sum(found.values()) >= created
            complete, created = found["COMPLETE"], sum(found.values())
        with started(study) as process:
            wait_for(lambda: len(study.events("study began")) == 3, "it goes on", seconds=20)
            leave(process)
        found = trials_of(database)
        assert read_run(database, "chaos").status == "stopped"
        assert found["COMPLETE"] >= complete
        assert "RUNNING" not in found
        assert sum(found.values()) >= created
    assert "Traceback" not in study.said()
