"""The page in a real browser: it draws, it does not complain, it asks nobody for anything."""

import json
import re
import subprocess
from dataclasses import dataclass

import pytest

from study.analysis import load_measurements
from study.report.building import picture
from study.report.outputs.images import BROWSERS, as_png
from study.report.writing import write_report
from tests.browser import find_program, headless


@dataclass(frozen=True)
class Visit:
    """What a browser made of a page: its elements, its console, and whom the page asked."""

    elements: str
    console: list[str]
    requests: set[str]


@pytest.fixture
def visit(tmp_path):
    """Opens a page in Chromium; skips the test where there is none."""
    browser = find_program(*BROWSERS)

    def open_page(page):
        log = tmp_path / "net.json"
        ran = subprocess.run(
            [
                browser,
                *headless(tmp_path),
                f"--log-net-log={log}",
                "--enable-logging=stderr",
                "--virtual-time-budget=10000",
                "--dump-dom",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        events = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
        return Visit(
            elements=ran.stdout,
            console=[line for line in ran.stderr.splitlines() if "CONSOLE" in line],
            requests={
                event["url"]
                for event in events
                # What the browser asks on its own account has no origin.
                if event.get("initiator", "not an origin") != "not an origin"
                and event.get("url", "").startswith(("http:", "https:", "ws:", "wss:"))
            },
        )

    return open_page


def test_a_page_draws_without_a_complaint_and_without_a_request(visit, storage, tmp_path):
    page = tmp_path / "report.html"
    write_report("grid", storage, None, None, page)
    seen = visit(page)
    assert seen.elements.count('class="main-svg"') >= 8
    assert seen.console == []
    assert seen.requests == set()


def test_a_page_has_four_buttons_a_picture_and_none_that_uploads(visit, storage, tmp_path):
    page = tmp_path / "effects.html"
    write_report("grid", storage, None, "accuracy-gap", page)
    titles = re.findall(r'class="modebar-btn[^"]*"[^>]*data-title="([^"]*)"', visit(page).elements)
    assert sorted(titles) == ["Download plot as a PNG", "Pan", "Reset axes", "Zoom"]


def test_a_complaint_and_a_request_would_be_noticed(visit, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<img src='http://host.invalid/a.png'><script>undefined_name()</script>")
    seen = visit(page)
    assert seen.console
    assert seen.requests == {"http://host.invalid/a.png"}


@pytest.mark.usefixtures("visit")
def test_a_picture_becomes_a_png(storage):
    drawn = picture(load_measurements("grid", storage), "effects")
    image = as_png("grid", drawn)
    assert image.startswith(b"\x89PNG")
    assert len(image) > 10_000
