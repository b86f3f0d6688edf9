"""`study launch --detach`, `serve`, `watch`, `resume`: a service as a team uses it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.engine import Database, open_database
from storage.reading import load_results
from storage.runs import read_run
from storage.status import RunStatus
from tests.acceptance.conftest import SMALL
from tests.service_processes import (
    Serve,
    queue,
    serving,
    trials_of,
    wait_for,
    wait_for_status,
)


@pytest.fixture
def url(study) -> str:
    return f"sqlite:///{study.folder / 'study.db'}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with open_database(url) as opened:
        yield opened


@pytest.fixture
def serve(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """A service for the studies of the folder, each trained in its own process."""
    with serving(tmp_path_factory.mktemp("serve"), url, "--ray", "serial") as running:
        yield running


def test_a_detached_study_is_run_by_a_service_and_watched_to_its_end(study, small, serve):
    queued = study.run("launch", small, "--detach")
    assert queued.code == 0, queued.err
    assert "study watch small" in queued.err
    watched = study.run("watch", "small")
    assert watched.code == 0, watched.err
    assert "Best of 6 trials by validation_accuracy" in watched.out
    assert "6/6 trials done" in watched.err
    assert "finished" in study.run("status", "small").out
    again = study.run("launch", small, "--detach")
    assert again.code == 0
    assert "the budget was reached before" in again.err
    more = study.run("resume", "small", "--trials", "8", "--detach")
    assert more.code == 0, more.err
    assert "Best of 8 trials" in study.run("watch", "small").out
    assert serve.stop() == 0


def test_the_queue_is_shown_and_left_again(study, small):
    study.run("launch", small, "--detach")
    study.run("launch", small, "--detach", "--name", "other")
    listed = study.run("list").out
    assert "queued (1 of 2)" in listed
    assert "queued (2 of 2)" in listed
    stopped = study.run("stop", "small")
    assert "left the queue" in stopped.err
    assert "queued (1 of 1)" in study.run("status", "other").out
    assert study.run("watch", "small").code == 130


def test_what_is_wrong_with_a_detached_study_is_said_before_it_is_queued(study, small, refused):
    line = refused("launch", small, "--detach", "--set", "search.width=0")
    assert "search.width" in line
    line = refused("launch", small, "--detach", "--set", "baseline=[{depth: 9}]")
    assert "baseline" in line
    study.run("launch", small, "--detach")
    line = refused("launch", small, "--detach", "--set", "training.epochs=9")
    assert "training.epochs = 4, found 9" in line


def test_a_study_goes_on_by_its_name_alone(study, small):
    assert study.run("launch", small, "--ray", "serial", "--trials", "2").code == 0
    (study.folder / small).unlink()
    ran = study.run("resume", "small", "--ray", "serial", "--trials", "4")
    assert ran.code == 0, ran.err
    assert "Best of 4 trials" in ran.out
    assert "the budget was reached before" in study.run("resume", "small").err
    unknown = study.run("resume", "nobodys")
    assert unknown.code == 2
    assert "no study is called 'nobodys'" in unknown.err


def test_a_study_that_runs_is_not_queued_a_second_time(study, url, database, serve):
    queue(url, "long", epochs=4000)
    wait_for(lambda: trials_of(database, "long", "RUNNING") > 0, "long runs")
    # The URL, which may hold a password, is not among the arguments that everybody can read.
    (child,) = serve.children()
    assert "sqlite" not in Path(f"/proc/{child}/cmdline").read_text()
    again = study.run("resume", "long", "--trials", "99", "--detach")
    assert again.code == 3
    assert "is being worked on by process" in again.err
    stopped = study.run("stop", "long")
    assert stopped.code == 0
    assert "is stopped" in stopped.err
    assert read_run(database, "long").status is RunStatus.STOPPED
    assert trials_of(database, "long", "RUNNING") == 0


def test_a_study_whose_data_are_missing_fails_with_the_one_line(study, url, database, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    study.write("own.yaml", SMALL.replace("small", "own").replace("wine", "rows.csv"))
    assert study.run("launch", "own.yaml", "--detach").code == 0
    with serving(tmp_path / "serve", url, "--ray", "serial", "--data-root", str(data)):
        run = wait_for_status(database, "own", "failed")
        assert run.error == (
            "data.source: 'rows.csv': there is no such file below the service's data roots"
        )
        assert run.error in " ".join(study.run("status", "own").out.split())
        watched = study.run("watch", "own")
        assert watched.code == 1
        assert run.error in watched.err
        # Mended, it goes on by its name.
        rows = "a,b,target\n" + "".join(f"{i},{i * i % 7},{i % 2}\n" for i in range(60))
        (data / "rows.csv").write_text(rows)
        assert study.run("resume", "own", "--detach").code == 0
        run = wait_for_status(database, "own", "finished")
        assert run.error is None
        assert run.data_sha256 is not None
        assert run.specification["data"]["source"] == "rows.csv"


def test_a_service_without_data_roots_reads_no_files(study, url, database, serve):
    study.write("rows.csv", "a,target\n1,0\n2,1\n")
    study.write("own.yaml", SMALL.replace("small", "own").replace("wine", "rows.csv"))
    study.run("launch", "own.yaml", "--detach")
    run = wait_for_status(database, "own", "failed")
    assert "reads no files, only built-in data" in str(run.error)


def test_sigterm_puts_studies_back_within_seconds_and_another_service_goes_on(
    study, url, database, serve, tmp_path
):
    queue(url, "long", trials=2, epochs=2000)
    wait_for(lambda: trials_of(database, "long", "RUNNING") > 0, "long runs")
    (child,) = serve.children()
    assert serve.stop(8.0) == 0
    assert not Path(f"/proc/{child}").exists()
    run = read_run(database, "long")
    assert (run.status, run.owner, run.crashes) == (RunStatus.QUEUED, None, 0)
    assert trials_of(database, "long", "RUNNING") == 0
    with serving(tmp_path / "next", url, "--ray", "serial"):
        assert wait_for_status(database, "long", "finished").lease_epoch > run.lease_epoch
    assert list(load_results("long", url)["trial"]) == [0, 1]


def test_the_processes_of_a_service_that_is_killed_give_their_studies_back(
    url, database, serve, tmp_path
):
    queue(url, "long", trials=6, epochs=3000)
    wait_for(lambda: trials_of(database, "long", "RUNNING") > 0, "long runs")
    (child,) = serve.children()
    serve.kill(with_children=False)
    run = wait_for_status(database, "long", "queued", seconds=10)
    assert run.crashes == 0
    wait_for(lambda: not alive(child), "the study's process is gone", seconds=10)


def test_a_study_that_kills_its_process_again_and_again_fails_with_its_reason(url, database, serve):
    queue(url, "poison", epochs=100_000)
    for _ in range(5):
        wait_for(lambda: bool(serve.children()), "poison is run", seconds=40)
        (child,) = serve.children()
        wait_for(lambda pid=child: holder(database, "poison") == pid, "it has the lease")
        os.kill(child, signal.SIGKILL)
        wait_for(lambda pid=child: pid not in serve.children(), "it is gone")
    run = wait_for_status(database, "poison", "failed")
    assert run.error == (
        "its coordinator was killed by SIGKILL (5 times without a finished trial in between)"
    )


def holder(database: Database, name: str) -> int | None:
    owner = read_run(database, name).owner
    return None if owner is None else owner.pid


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
