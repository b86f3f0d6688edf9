"""`study dashboard`, over HTTP as a browser sees it."""

import json
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.acceptance.conftest import CommandLine

METRICS = {"train_accuracy", "validation_accuracy", "test_accuracy", "generalization_gap"}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def dashboard(study: CommandLine) -> Iterator[str]:
    port = free_port()
    process = study.start("dashboard", "--port", str(port))
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{address}/api/studies", timeout=10).close()
        except urllib.error.URLError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("the dashboard did not answer")


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def test_the_dashboard_lists_the_study_its_trials_and_four_sortable_metrics(study, small):
    study.run("launch", small, "--ray", "serial")
    with dashboard(study) as address:
        (summary,) = get(f"{address}/api/studies")["study_summaries"]
        assert summary["study_name"] == "small"
        detail = get(f"{address}/api/studies/{summary['study_id']}?after=0")
    assert len(detail["trials"]) == 6
    assert detail["objective_names"] == ["validation_accuracy"]
    sortable = {attr["key"] for attr in detail["union_user_attrs"] if attr["sortable"]}
    assert sortable == METRICS


def test_a_port_that_is_taken_is_refused(study, small, refused):
    study.run("launch", small, "--ray", "serial", "--trials", "1")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        ran = study.run("dashboard", "--port", str(port), timeout=60)
    assert ran.code == 2
    assert f"--port {port}: cannot be listened on" in ran.err
    assert "Traceback" not in ran.err
