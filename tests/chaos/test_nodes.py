"""Nodes of a cluster die, with their workers and the states that these had left there; or its head
does, and nothing is left to train on."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from storage.database.opening import open_database
from storage.reading.frames import load_results
from storage.studies.runs import read_run
from tests.chaos.studies import Study, assert_bitwise_equal, of_complete_trials, wait_for
from tests.ray_cluster import running_cluster

QUICK = ("--set", "training.epochs=20", "--set", "training.replicates=1")


def of_a_cluster() -> dict[str, str]:
    """A token, and a head that asks its nodes more often than by default whether they live."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    return {
        **kept,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_health_check_period_ms": "500",
        "RAY_health_check_timeout_ms": "2000",
        "RAY_health_check_failure_threshold": "4",
    }


@contextmanager
def program(module: str, environment: dict[str, str]) -> "Iterator[subprocess.Popen[str]]":
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", module],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
            process.stdin.close()
            process.wait(30)
        finally:
            process.kill()


def test_a_study_that_loses_a_node_loses_nothing(tmp_path, undisturbed, trials):
    environment = of_a_cluster()
    with program("tests.chaos.two_nodes", environment) as nodes:
        address = nodes.stdout.readline().strip()
        study = Study(
            *(tmp_path, f"sqlite:///{tmp_path / 'study.db'}", "--ray", address),
            *("--trials", str(min(trials, 30)), "--set", "pruner=median"),
            **environment,
        )
        process = study.start()
        try:
            wait_for(lambda: is_beyond_a_rung(study), "both nodes train on from a state")
            nodes.stdin.write("\n")
            nodes.stdin.flush()
            assert nodes.stdout.readline() == "gone\n"
            assert process.wait(120) == 0, study.said()
        finally:
            process.kill()
            process.wait()
    assert study.events("cohort failed")
    assert not study.events("trial failed")
    found = study.tables()
    results = found["load_results"]
    assert list(results["trial"]) == list(range(min(trials, 30)))
    assert set(results["state"]) <= {"COMPLETE", "PRUNED"}
    complete = list(results["trial"][results["state"] == "COMPLETE"])
    assert len(complete) >= 10
    # Pruning follows the order of completion; what was trained to its end has its numbers.
    assert_bitwise_equal(
        of_complete_trials(found, complete), of_complete_trials(undisturbed, complete)
    )


def is_beyond_a_rung(study: Study) -> bool:
    back = {event["cohort"] for event in study.events("cohort returned")}
    away = [event for event in study.events("cohort dispatched") if event["cohort"] not in back]
    return len(away) == 2 and all(event["until"] > 6 for event in away)


@pytest.mark.timeout(120)
def test_a_state_that_was_lost_with_its_node_is_known_to_be_lost(tmp_path):
    with program("tests.chaos.lost_state", of_a_cluster()) as nodes:
        said = nodes.stdout.read().splitlines()  # Ray also has its say
    assert "trained on the first node" in said
    assert any(line.startswith("state lost: ") for line in said)
    assert "the same numbers on the second" in said


@pytest.mark.timeout(180)
def test_a_head_that_dies_fails_the_study_which_goes_on_without_it(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    with running_cluster(cpus=2) as own:
        study = Study(
            *(tmp_path, url, "--cluster", own.address, "--trials", "5000", *QUICK),
            **own.member_environment(),
            RAY_gcs_rpc_server_reconnect_timeout_s="10",
        )
        process = study.start()
        try:
            wait_for(lambda: study.events("trials committed"), "it trains")
            (head,) = [c for c in own.head.children(recursive=True) if c.name() == "gcs_server"]
            head.kill()
            assert process.wait(60) == 1, study.said()
        finally:
            process.kill()
            process.wait()
    (said,) = [line for line in study.said().splitlines() if "wait for the next launch" in line]
    assert f"Ray at {own.address}: its head has been gone for" in said
    assert "Traceback" not in study.said()
    with open_database(url) as database:
        run = read_run(database, "chaos")
    assert run.status == "failed"
    assert "its head has been gone" in str(run.error)
    states = load_results("chaos", url)["state"]
    assert "COMPLETE" in set(states)
    assert not {"RUNNING", "FAIL"} & set(states)
    study.options = ("--cluster", "serial", "--trials", str(len(states)), *QUICK)
    study.finish()
    assert set(load_results("chaos", url)["state"]) == {"COMPLETE"}
