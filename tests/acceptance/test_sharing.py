"""A service with a cluster of its own: how its studies share it, and what its metrics say."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.reading.frames import load_results
from storage.reading.summaries import list_runs
from tests.conftest import new_database
from tests.scraping import Samples, samples_of, scrape, value
from tests.service_processes import Serve, command_line, queue, serving, wait_for

TRIALS = 200
PASSWORD = "hunter2/zebra"


@pytest.fixture(scope="module")
def url(postgres_server) -> Iterator[str]:
    """A database whose URL has a password."""
    with new_database(postgres_server) as plain:
        yield make_url(plain).set(password=PASSWORD).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def database(url: str) -> Iterator[Database]:
    with open_database(url) as opened:
        yield opened


@pytest.fixture(scope="module")
def serve(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    folder = tmp_path_factory.mktemp("serve")
    with serving(folder, url, "--max-studies", "2", "--metrics", "0") as running:
        yield running


def test_two_equal_studies_on_one_cluster_progress_alike(url, database, serve):
    for name in ("one", "two"):
        # So many networks a trial that a cohort, which ends as a whole, is a small part of a study.
        queue(url, name, trials=TRIALS, training={"epochs": 15, "replicates": 6})
    seen: list[tuple[int, int]] = []

    def finished() -> bool:
        summaries = {summary.run.study: summary for summary in list_runs(database)}
        pair = [summaries[name] for name in ("one", "two")]
        done = [summary.trials.get("COMPLETE", 0) for summary in pair]
        if not seen or seen[-1] != (done[0], done[1]):
            seen.append((done[0], done[1]))
        return all(summary.run.status == "finished" for summary in pair)

    wait_for(finished, "both are finished", seconds=200)
    between = [(one, two) for one, two in seen if min(one, two) > 0 and max(one, two) < TRIALS]
    assert len(between) > 3, seen
    print(f"most apart: {max(abs(one - two) for one, two in between)} of {TRIALS} trials", between)
    assert all(abs(one - two) <= 0.2 * TRIALS for one, two in between), between


def test_metrics_tell_of_studies_from_the_queue_to_their_end(url, database, serve):
    sizes = {"a": 24, "b": 24, "c": 4}
    before = samples_of(scrape(serve.metrics_url()))
    began = time.monotonic()
    for name, trials in sizes.items():
        queue(url, name, trials=trials, epochs=200)
    texts: list[str] = []

    def now() -> Samples:
        texts.append(scrape(serve.metrics_url()))
        return samples_of(texts[-1])

    def busy(name: str) -> bool:
        return now().get(("study_slots_busy_ratio", frozenset({("study", name)})), 0.0) > 0

    wait_for(lambda: busy("a") and busy("b"), "two of them are trained")
    samples = now()
    assert value(samples, "study_studies", status="running") == 2
    assert value(samples, "study_studies", status="queued") == 1
    assert value(samples, "study_running") == 2
    assert 0 < value(samples, "study_slots_busy_ratio", study="a") <= 1
    assert value(samples, "study_trials_training", study="a") >= 1
    assert value(samples, "study_trials_stored", study="a", state="running") >= 1
    os.kill(training_worker(serve), signal.SIGKILL)
    wait_for(lambda: value(now(), "study_studies", status="finished") == 5, "all are finished", 120)
    wait_for(lambda: value(now(), "study_running") == 0, "their processes have ended")

    samples, seconds = now(), time.monotonic() - began
    for name, trials in sizes.items():
        assert value(samples, "study_trials_total", study=name, state="complete") == trials
        assert list(load_results(name, url)["state"]) == ["COMPLETE"] * trials
        assert value(samples, "study_cohort_seconds_sum", study=name) < 2 * seconds
    retries = [
        value(samples, "study_cohort_failures_total", study=n, reason="worker_lost", remedy="retry")
        for n in sizes
    ]
    assert sum(retries) >= 1
    assert value(samples, "study_studies", status="queued") == 0
    assert value(samples, "study_database_up") == 1

    def more(name: str, **labels: str) -> float:
        return value(samples, name, **labels) - before.get((name, frozenset(labels.items())), 0.0)

    assert more("study_lease_changes_total", change="taken") == 3
    assert more("study_lease_changes_total", change="lost") == 0
    assert more("study_endings_total", ending="the budget is reached") == 3
    for kind in ("read", "write"):
        which = {"kind": kind, "outcome": "done"}
        transactions = more("study_database_transaction_seconds_count", **which)
        assert transactions > 10
        assert more("study_database_transaction_seconds_sum", **which) < transactions
    assert not any(part in text for part in PASSWORD.split("/") for text in texts)


def test_however_a_service_dies_its_cluster_goes_with_it(serve):
    assert "zebra" not in serve.log.read_text()
    started = {pid for pid in below(serve.process.pid) if "gcs_server" in command_line(pid)}
    assert len(started) == 1
    os.kill(serve.process.pid, signal.SIGKILL)
    serve.process.wait()
    wait_for(lambda: not any(map(command_line, started)), "its cluster has ended")


def training_worker(serve: Serve) -> int:
    """A worker of the service's cluster that trains a cohort just now."""
    found: list[int] = []

    def is_found() -> bool:
        found[:] = [
            p for p in below(serve.process.pid) if command_line(p).startswith("ray::_train")
        ]
        return bool(found)

    wait_for(is_found, "a worker trains")
    return found[0]


def below(pid: int) -> set[int]:
    """The processes that pid started."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:  # it has ended
        return set()
    children = {int(child) for child in listed.split()}
    return children.union(*(below(child) for child in children if command_line(child)))
