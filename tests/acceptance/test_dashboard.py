"""`study dashboard`, over HTTP and as a person sees it in a browser."""

import json
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from storage.database.opening import open_database
from study.launching.launch import launch
from study.report.outputs.dashboard_figures import save_to_dashboard
from study.specification.files import read_specification
from tests.acceptance.conftest import SMALL, CommandLine
from tests.browser import Browser, browsing
from tests.integration.storage.studies import make_run
from tests.ports import free_port, wait_for_answer

METRICS = {"train_accuracy", "validation_accuracy", "test_accuracy", "generalization_gap"}
TOKEN = "0123456789abcdef" * 4


@dataclass
class Dashboard:
    """One that runs; after it ended, its exit code, what it said and how long it took to leave."""

    address: str
    code: int | None = None
    err: str = ""
    seconds: float = 0.0


@contextmanager
def dashboard(
    study: CommandLine, *options: str, end: signal.Signals = signal.SIGINT
) -> Iterator[Dashboard]:
    port = free_port()
    process = study.start("dashboard", "--port", str(port), *options)
    running = Dashboard(f"http://127.0.0.1:{port}")
    try:
        wait_for_answer(f"{running.address}/healthz")
        assert TOKEN not in Path(f"/proc/{process.pid}/cmdline").read_text()
        yield running
    finally:
        asked = time.monotonic()
        process.send_signal(end)
        _, running.err = process.communicate(timeout=30)
        running.seconds = time.monotonic() - asked
        running.code = process.returncode


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def status_of_body(address: str, size: int) -> int:
    """What a request is answered that announces a body of so many bytes, and sends none."""
    with closing(HTTPConnection(address.removeprefix("http://"), timeout=30)) as connection:
        connection.putrequest("PUT", "/api/studies/1/note")
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        return connection.getresponse().status


@pytest.fixture(scope="module")
def launched(tmp_path_factory, forks) -> CommandLine:
    """A folder with the study `small`, of twelve trials: enough for figures in the dashboard."""
    study = CommandLine(tmp_path_factory.mktemp("launched"), forks)
    url = f"sqlite:///{study.folder / 'study.db'}"
    source = str(study.folder / study.write("small.yaml", SMALL))
    launch(read_specification(source, overrides=["budget.trials=12"]), storage=url, ray="serial")
    save_to_dashboard("small", url)
    return study


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    return str(file)


def test_the_dashboard_lists_the_study_its_trials_and_four_sortable_metrics(launched):
    with dashboard(launched, end=signal.SIGTERM) as running:
        (summary,) = get(f"{running.address}/api/studies")["study_summaries"]
        assert summary["study_name"] == "small"
        detail = get(f"{running.address}/api/studies/{summary['study_id']}?after=0")
        assert status_of_body(running.address, 2 << 20) == 413
        assert status_of_body(running.address, 0) == 403
    assert len(detail["trials"]) == 12
    assert detail["objective_names"] == ["validation_accuracy"]
    sortable = {attr["key"] for attr in detail["union_user_attrs"] if attr["sortable"]}
    assert sortable == METRICS
    assert running.code == 0
    assert running.seconds < 5
    announced, refusal = running.err.splitlines()
    assert announced == (
        f"dashboard of sqlite:///study.db on {running.address}/ "
        "(read-only, without a token; Ctrl-C ends it)"
    )
    assert "PUT /api/studies/1/note: 403" in refusal


def test_a_port_that_is_taken_is_refused(study, refused):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        line = refused("dashboard", "--port", str(port))
    assert f"--port {port}: cannot be listened on: Address already in use" in line


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0: others reach this address, so a token is needed"),
        (["--host", "no such host"], "--host no such host --port 0: cannot be listened on"),
        (["--token-file", "short"], "--token-file short: has fewer than 16 characters"),
        (["--token", "x"], "No such option"),
    ],
)
def test_what_would_not_be_safe_is_refused_in_one_line(study, refused, options, what):
    study.write("short", "hunter2")
    line = refused("dashboard", "--port", "0", *options)
    assert what in line
    assert "hunter2" not in line


def test_a_study_is_renamed_unless_the_name_is_taken_or_none(study, refused):
    with open_database(f"sqlite:///{study.folder / 'study.db'}") as database:
        for name in ("small", "other"):
            make_run(database, name)
    assert "'other' exists already" in refused("rename", "small", "other")
    assert "NEW: found 'a/b'" in refused("rename", "small", "a/b")
    ran = study.run("rename", "small", "new")
    assert (ran.code, ran.err) == (0, "study 'small' is called 'new' now\n")


def test_a_person_signs_in_and_sees_the_study_its_metrics_and_our_figures(
    launched, token_file, tmp_path
):
    with (
        dashboard(launched, "--token-file", token_file, "--log-format", "text") as running,
        browsing(tmp_path) as browser,
    ):
        _sign_in(browser, running)
        _try_to_change(browser)
        _look_around(browser)
    assert "DELETE /api/studies/1: 403" in running.err
    assert TOKEN not in running.err
    assert "Traceback" not in running.err


def _sign_in(browser: Browser, running: Dashboard) -> None:
    browser.open(f"{running.address}/dashboard")
    assert "This dashboard needs its token" in browser.text
    assert browser.console() == []
    browser.type("#token", "not the token")
    browser.click("button")
    browser.until(lambda b: "This is not the token." in b.text, "the refusal")
    (complaint,) = browser.console()
    assert "401" in complaint
    browser.type("#token", TOKEN)
    browser.click("button")
    browser.until(lambda b: "1. small" in b.text, "the list of studies")
    assert browser.run("return document.cookie") == ""


def _try_to_change(browser: Browser) -> None:
    browser.click("[aria-label='delete study']")
    browser.until(lambda b: "Are you sure" in b.text, "the question")
    browser.click("[role='dialog'] button:last-of-type")
    browser.until(lambda b: "this dashboard is read-only" in b.text, "why not")
    browser.until(lambda b: "Are you sure" not in b.text, "the list again")
    assert "1. small" in browser.text
    ask = "return fetch('/api/studies/1/rename', {method: 'POST', body: '{}'}).then(a => a.status)"
    assert browser.run(ask) == 403
    complaints = browser.console()
    assert len(complaints) == 2
    assert all("403" in complaint for complaint in complaints)


def _look_around(browser: Browser) -> None:
    browser.click("a[href='/dashboard/studies/1']")
    titles = ("Test accuracy against generalization gap", "Mean per level", "The best trial so far")
    browser.until(lambda b: all(title in b.text for title in titles), "our figures")
    browser.click("a[href='/dashboard/studies/1/trials']")
    browser.until(lambda b: all(metric in b.text for metric in METRICS), "the metrics")
    browser.click("#study-report")
    browser.until(lambda b: b.run("return document.querySelectorAll('.main-svg').length > 8"), "it")
    assert browser.address.endswith("/report/small")
    assert "generalization gap of" in browser.text
    browser.click("nav a[href='/report/']")
    browser.until(lambda b: "12" in b.text and "finished" in b.text, "the list of reports")
    assert browser.console() == []
