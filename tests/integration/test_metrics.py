"""Metrics as Prometheus sees them, held against the database."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest
from prometheus_client import generate_latest

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.database.urls import parse_url
from storage.reading.counts import read_counts
from storage.reading.frames import load_results
from study.errors import InvalidInput
from study.monitoring import events
from study.monitoring.channel import EventSender, decode, event_channel
from study.monitoring.event import Event
from study.monitoring.metrics import (
    ENDED_STUDIES_KEPT,
    Metrics,
    metrics_address,
    serving_metrics,
)
from study.monitoring.progress import NoProgress
from study.monitoring.stored_counts import StoredCounts
from tests.integration.storage.studies import make_run
from tests.integration.study.bench import Bench, spec_of
from tests.scraping import Samples, samples_of, scrape, value
from workers.pools.pool import FailureKind


@pytest.fixture
def bench(sqlite_url: str) -> Iterator[Bench]:
    with open_database(sqlite_url) as database:
        yield Bench(database, sqlite_url)


def scraped(metrics: Metrics) -> Samples:
    """Every sample, as a scrape would have it."""
    return samples_of(generate_latest(metrics.registry).decode())


class Counting(NoProgress):
    """The progress of one study as metrics of this process."""

    def __init__(self, metrics: Metrics, study: str) -> None:
        self.record_event = partial(metrics.count_event, study)


def test_the_scraped_trials_are_those_of_the_database(bench):
    spec = spec_of("pruner=median", trials=30)
    metrics = Metrics(StoredCounts(lambda: read_counts(bench.database)))
    metrics.study_started(spec.name)
    bench.progress = Counting(metrics, spec.name)
    bench.run(spec, lambda s: FailureKind.ERROR if any(w.trial == 3 for w in s.trials) else None)
    samples = scraped(metrics)
    states = Counter(load_results(spec.name, bench.url)["state"])
    assert states["FAIL"] == 1
    for state, column in (("complete", "COMPLETE"), ("pruned", "PRUNED"), ("failed", "FAIL")):
        counted = value(samples, "study_trials_total", study=spec.name, state=state)
        assert counted == states[column]
        stored = value(samples, "study_trials_stored", study=spec.name, state=column.lower())
        assert stored == states[column]
    splits = value(
        samples, "study_cohort_failures_total", study=spec.name, reason="error", remedy="split"
    )
    assert splits >= 1
    assert value(samples, "study_cohort_seconds_count", study=spec.name) >= 1
    assert value(samples, "study_cohort_fill_ratio_count", study=spec.name) >= 1


def test_transactions_of_a_database_are_a_histogram_in_seconds(database: Database):
    metrics = Metrics()
    database.observe_transactions(
        lambda done: metrics.count_event(
            "", events.DatabaseUsed("write" if done.writes else "read", done.seconds, done.failed)
        )
    )
    make_run(database)
    count = value(
        scraped(metrics),
        "study_database_transaction_seconds_count",
        kind="write",
        outcome="done",
    )
    assert count == 1


def test_the_queue_and_the_studies_at_work_are_gauges_by_status(database: Database):
    for name in ("first", "second"):
        make_run(database, name)
    samples = scraped(Metrics(StoredCounts(lambda: read_counts(database))))
    assert value(samples, "study_studies", status="queued") == 2
    assert value(samples, "study_studies", status="running") == 0
    assert value(samples, "study_database_up") == 1


def test_a_scrape_while_the_database_is_away_says_so_and_gives_the_rest():
    away = Database(parse_url("postgresql://me@127.0.0.1:1/db"))
    metrics = Metrics(StoredCounts(lambda: read_counts(away)))
    metrics.study_started("digits")
    samples = scraped(metrics)
    assert value(samples, "study_database_up") == 0
    assert value(samples, "study_running") == 1
    assert not any(name == "study_studies" for name, _ in samples)


def test_the_series_of_studies_that_ended_long_ago_are_forgotten():
    metrics = Metrics()
    names = [f"study-{number}" for number in range(ENDED_STUDIES_KEPT + 1)]
    for name in names:
        metrics.study_started(name)
        metrics.count_event(name, events.TrialsCommitted(1, 0, 0, 0))
        metrics.study_ended(name)
    kept = {dict(labels)["study"] for name, labels in scraped(metrics) if "trials_total" in name}
    assert kept == set(names[1:])


def test_the_late_end_of_a_process_leaves_the_next_one_of_its_study_alone():
    metrics = Metrics()
    metrics.study_started("digits")
    metrics.study_started("digits")
    metrics.count_event("digits", events.Occupancy(busy=1, slots=2, trials=8))
    metrics.study_ended("digits")
    assert value(scraped(metrics), "study_slots_busy_ratio", study="digits") == 0.5
    metrics.study_ended("digits")
    assert not any(name == "study_slots_busy_ratio" for name, _ in scraped(metrics))


def test_what_becomes_of_leases_and_crashes_is_counted():
    metrics = Metrics()
    for event in (
        events.LeaseTaken("host/1", 1),
        events.LeaseTaken("host/2", 2),
        events.CoordinatorReplaced("gone"),
        events.StudyRecovered("queued"),
        events.StudyCrashed("its coordinator was killed by SIGKILL"),
        events.ProcessEnded("queued", "was killed by SIGKILL"),
    ):
        metrics.count_event("digits", event)
    samples = scraped(metrics)
    changes = {
        change: value(samples, "study_lease_changes_total", change=change)
        for change in ("taken", "taken_over", "lost")
    }
    assert changes == {"taken": 2, "taken_over": 1, "lost": 1}
    assert value(samples, "study_crashes_total") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:9464", ("0.0.0.0", 9464)),
        ("[::1]:0", ("::1", 0)),
    ],
)
def test_without_a_host_only_this_machine_is_answered(text, expected):
    assert metrics_address(text) == expected


@pytest.mark.parametrize("text", ["", "here", "host:", ":9464", "70000", "host:-1"])
def test_an_address_without_a_port_is_refused(text):
    with pytest.raises(InvalidInput, match=f"--metrics: found '{text}'; give PORT or HOST:PORT"):
        metrics_address(text)


def test_the_endpoint_answers_with_them():
    metrics = Metrics()
    metrics.study_started("digits")
    with serving_metrics(metrics, "127.0.0.1", 0) as port:
        samples = samples_of(scrape(f"http://127.0.0.1:{port}/metrics"))
    assert value(samples, "study_running") == 1


def test_a_port_that_is_taken_is_refused_in_one_line():
    metrics = Metrics()
    with (
        serving_metrics(metrics, "127.0.0.1", 0) as port,
        pytest.raises(InvalidInput, match=f"cannot listen on 127.0.0.1:{port}: "),
        serving_metrics(metrics, "127.0.0.1", port),
    ):
        pass


# ── From other processes ─────────────────────────────────────────────────────────────────────────

CHILD = """
import os, signal, sys
from study.monitoring import events
from study.monitoring.channel import EventSender
with EventSender(int(sys.argv[1])) as sender:
    for trial in range(1000):
        sender.record_event(events.TrialFailed(trial, "1-2", "as told"))
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["ends", "killed"])
def test_every_event_of_a_child_arrives_however_it_ends(end):
    received: list[Event] = []
    gone = threading.Event()
    with event_channel(received.append, gone.set) as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(descriptor), end], pass_fds=[descriptor]
        )
    assert child.wait(60) == (-signal.SIGKILL if end == "killed" else 0)
    assert gone.wait(10)
    assert received == [events.TrialFailed(trial, "1-2", "as told") for trial in range(1000)]


def test_a_child_whose_parent_has_gone_goes_on_without_it():
    ours, childs = socket.socketpair()
    ours.close()
    descriptor = childs.detach()
    with EventSender(descriptor) as sender:
        for _ in range(3):
            sender.record_event(events.StopRequested("signal"))
        with pytest.raises(OSError, match="Bad file descriptor"):  # it sends nothing more
            os.fstat(descriptor)


def test_an_event_comes_out_as_it_went_in():
    event = events.CohortFailed("1-2", (3, 4), "worker lost", "it died", "retry", 2)
    ours, childs = socket.socketpair()
    with closing(ours), EventSender(childs.detach()) as sender:
        sender.record_event(event)
        assert decode(ours.recv(4096)) == event


def test_half_a_line_of_a_child_that_was_killed_is_no_event():
    assert decode(b'["trial failed", {"tri') is None
