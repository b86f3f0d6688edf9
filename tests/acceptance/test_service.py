"""`study launch --detach`, `serve`, `watch`, `resume`: a service as a team uses it."""

import hashlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.reading.frames import load_results
from storage.studies.runs import read_run
from storage.tables.status import RunStatus
from tests.acceptance.conftest import SMALL, CommandLine, Ran
from tests.service_processes import (
    Serve,
    queue,
    serving,
    trials_of,
    wait_for,
    wait_for_status,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a service may read."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('database') / 'study.db'}"


@pytest.fixture(scope="module")
def database(url: str) -> Iterator[Database]:
    with open_database(url) as opened:
        yield opened


@pytest.fixture(scope="module")
def service(url: str, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """The service of a team: it trains each study in a process of its own, and runs elsewhere."""
    folder, options = tmp_path_factory.mktemp("service"), ("--ray", "serial")
    options += ("--data-root", str(data), "--log-format", "json")
    with serving(folder, url, *options) as running:
        yield running
        if running.process.poll() is None:
            assert running.stop() == 0


@pytest.fixture
def anyone(study: CommandLine, url: str, service: Serve) -> Callable[..., Ran]:
    """The command in a folder of its own, of somebody who reaches the service's database."""
    return lambda *arguments: study.run(*arguments, STUDY_STORAGE=url)


@pytest.fixture
def own_url(study: CommandLine) -> str:
    """A database of the test's own."""
    return f"sqlite:///{study.folder / 'study.db'}"


@pytest.fixture
def own(own_url: str) -> Iterator[Database]:
    with open_database(own_url) as opened:
        yield opened


@pytest.fixture
def serve(own_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """A service of the test's own, which it may kill."""
    with serving(tmp_path_factory.mktemp("serve"), own_url, "--ray", "serial") as running:
        yield running


def test_a_detached_study_is_run_by_a_service_and_watched_to_its_end(small, url, service, anyone):
    queued = anyone("launch", small, "--detach")
    assert queued.code == 0, queued.err
    assert queued.err.endswith("follow it with: study watch small · study status small\n")
    watched = anyone("watch", "small")
    assert watched.code == 0, watched.err
    assert "Best of 6 trials by validation_accuracy" in watched.out
    assert "6/6 trials done" in watched.err
    assert "finished" in anyone("status", "small").out
    again = anyone("launch", small, "--detach")
    assert again.code == 0
    assert "the budget was reached before" in again.err
    more = anyone("resume", "small", "--trials", "8", "--detach")
    assert more.code == 0, more.err
    assert "Best of 8 trials" in anyone("watch", "small").out
    wait_for(lambda: not service.children(), "its process has ended")
    wait_for(lambda: service.log.read_text().count("process ended") == 2, "which is in the log")
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    of_the_study = [line for line in lines if line.get("study") == "small"]
    assert not any("small" in str(line) for line in lines if line not in of_the_study)
    said = [line["event"] for line in of_the_study]
    assert (said[0], said[-1]) == ("process started", "process ended")
    assert said.count("study began") == said.count("study ended") == 2
    committed = [line for line in of_the_study if line["event"] == "trials committed"]
    assert sorted(trial for line in committed for trial in line["trials"]) == list(range(8))
    cohorts = {cohort for line in committed for cohort in line["cohorts"]}
    assert cohorts == set(load_results("small", url)["cohort"])


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


def test_a_study_is_stopped_and_goes_on_from_any_folder(url, database, service, anyone):
    # The trials that were running wait with their parameters; the sampler has them in its history.
    queue(url, "long", trials=5000, epochs=120, sampler="tpe")
    wait_for(lambda: trials_of(database, "long") >= 16, "it has begun to learn from trials")
    wait_for(lambda: trials_of(database, "long", "RUNNING") > 0, "it goes on")
    # The URL, which may hold a password, is not among the arguments that everybody can read.
    (child,) = service.children()
    assert "sqlite" not in Path(f"/proc/{child}/cmdline").read_text()
    assert f"process {child} on" in anyone("status", "long").out
    again = anyone("resume", "long", "--trials", "99", "--detach")
    assert again.code == 3
    assert "is being worked on by process" in again.err
    stopped = anyone("stop", "long")
    assert stopped.code == 0
    assert stopped.err == "study 'long' is stopped; to go on: study resume long --detach\n"
    assert read_run(database, "long").status is RunStatus.STOPPED
    assert trials_of(database, "long", "RUNNING") == 0
    assert trials_of(database, "long", "WAITING") > 0
    assert "was stopped already" in anyone("stop", "long").err
    watched = anyone("watch", "long")
    assert watched.code == 130
    assert "to go on:     study resume long --detach\n" in watched.err
    trials = sum(trials_of(database, "long", state) for state in ("COMPLETE", "WAITING")) + 20
    assert anyone("resume", "long", "--trials", str(trials), "--detach").code == 0
    watched = anyone("watch", "long")
    assert watched.code == 0, watched.err
    assert f"Best of {trials} trials" in watched.out


def test_a_study_whose_data_are_missing_fails_with_the_one_line(study, database, data, anyone):
    study.write("own.yaml", SMALL.replace("small", "own").replace("wine", "rows.csv"))
    assert anyone("launch", "own.yaml", "--detach").code == 0
    run = wait_for_status(database, "own", "failed")
    assert run.error == (
        "data.source: 'rows.csv': there is no such file below the service's data roots"
    )
    assert run.error in " ".join(anyone("status", "own").out.split())
    watched = anyone("watch", "own")
    assert watched.code == 1
    assert run.error in watched.err
    # Mended, it goes on by its name.
    rows = "a,b,target\n" + "".join(f"{i},{i * i % 7},{i % 2}\n" for i in range(60))
    (data / "rows.csv").write_text(rows)
    assert anyone("resume", "own", "--detach").code == 0
    run = wait_for_status(database, "own", "finished")
    assert run.error is None
    assert run.data_sha256 is not None
    assert run.specification["data"]["source"] == "rows.csv"


def test_a_service_trains_on_the_file_that_was_meant_or_not_at_all(study, database, data, anyone):
    rows = "a,b,target\n" + "".join(f"{i},{i * i % 7},{i % 2}\n" for i in range(60))
    study.write("mine.csv", rows)
    (data / "mine.csv").write_text(rows.replace("1,1,1", "1,1,0"))
    study.write("mine.yaml", SMALL.replace("small", "mine").replace("wine", "mine.csv"))
    assert anyone("launch", "mine.yaml", "--detach").code == 0
    run = wait_for_status(database, "mine", "failed")
    assert "'mine.csv' is another file here than the one that was meant" in str(run.error)
    assert trials_of(database, "mine", "COMPLETE") == 0
    (data / "mine.csv").write_text(rows)
    assert anyone("resume", "mine", "--detach").code == 0
    wait_for_status(database, "mine", "finished")
    meant = hashlib.sha256(rows.encode()).hexdigest()
    assert f"the file's SHA-256 {meant[:12]}" in " ".join(anyone("status", "mine").out.split())


def test_data_outside_of_the_roots_are_read_by_no_service(study, database, data, anyone):
    (data.parent / "secret.csv").write_text("a,target\n1,0\n2,1\n")
    (data / "link.csv").symlink_to(data.parent / "secret.csv")
    sources = {
        "up": "../secret.csv",
        "absolute": str(data.parent / "secret.csv"),
        "absent": "/no/such/place/secret.csv",
        "link": "link.csv",
    }
    for name, source in sources.items():
        study.write("own.yaml", SMALL.replace("small", name).replace("wine", source))
        assert anyone("launch", "own.yaml", "--detach").code == 0
    for name, source in sources.items():
        run = wait_for_status(database, name, "failed")
        assert run.error == f"data.source: {source!r}: lies outside of the service's data roots"


def test_sigterm_puts_studies_back_within_seconds_and_another_service_goes_on(
    study, own_url, own, serve, tmp_path
):
    study.write("rows.csv", "a,target\n1,0\n2,1\n")
    study.write("own.yaml", SMALL.replace("small", "own").replace("wine", "rows.csv"))
    study.run("launch", "own.yaml", "--detach")
    # A service without data roots reads no files.
    run = wait_for_status(own, "own", "failed")
    assert "reads no files, only built-in data" in str(run.error)

    queue(own_url, "long", trials=2, epochs=1200)
    wait_for(lambda: trials_of(own, "long", "RUNNING") > 0, "long runs")
    (child,) = serve.children()
    assert serve.stop(8.0) == 0
    assert not Path(f"/proc/{child}").exists()
    run = read_run(own, "long")
    assert (run.status, run.owner, run.crashes) == (RunStatus.QUEUED, None, 0)
    assert trials_of(own, "long", "RUNNING") == 0
    with serving(tmp_path / "next", own_url, "--ray", "serial") as following:
        assert wait_for_status(own, "long", "finished").lease_epoch > run.lease_epoch
        assert list(load_results("long", own_url)["trial"]) == [0, 1]

        # Killed, a service takes the processes of its studies with it; they give them back.
        queue(own_url, "longer", epochs=3000)
        wait_for(lambda: trials_of(own, "longer", "RUNNING") > 0, "longer runs")
        (child,) = following.children()
        following.kill(with_children=False)
        assert wait_for_status(own, "longer", "queued", seconds=10).crashes == 0
        wait_for(lambda: not alive(child), "the study's process is gone", seconds=10)


def test_a_study_that_kills_its_process_again_and_again_fails_with_its_reason(
    url, database, service
):
    queue(url, "poison", epochs=100_000)
    # Three times it has done so already: the last two are seen here, without the wait in between.
    change(database, "crashes = 3")
    for _ in range(2):
        wait_for(lambda: holder(database, "poison") in service.children(), "poison is run")
        (child,) = service.children()
        os.kill(child, signal.SIGKILL)
        wait_for(lambda pid=child: pid not in service.children(), "it is gone")
        wait_for(lambda: holder(database, "poison") is None, "its end is noted")
        change(database, "claim_after = NULL")
    run = wait_for_status(database, "poison", "failed")
    assert run.error == (
        "its coordinator was killed by SIGKILL (5 times without a finished trial in between)"
    )


def change(database: Database, what: str) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(f"UPDATE study_runs SET {what} WHERE study = 'poison'")


def holder(database: Database, name: str) -> int | None:
    owner = read_run(database, name).owner
    return None if owner is None else owner.pid


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
