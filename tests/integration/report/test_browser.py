"""The page in a real browser: it draws, it does not complain, it asks nobody for anything."""

import json
import os
import shutil
import subprocess

import pytest

from study.analysis import load_measurements
from study.report.building import picture
from study.report.images import BROWSERS, as_png
from study.report.writing import write_report


@pytest.fixture(scope="module")
def browser():
    """The path of a Chromium."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("STUDY_REQUIRE_SERVICES") == "1":
            pytest.fail("STUDY_REQUIRE_SERVICES=1, and there is no Chromium on the PATH")
        pytest.skip("there is no Chromium on the PATH")
    return found


def test_a_page_draws_without_a_complaint_and_without_a_request(browser, storage, tmp_path):
    page, log = tmp_path / "report.html", tmp_path / "net.json"
    write_report("grid", storage, None, None, page)
    ran = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-features=NetworkTimeServiceQuerying",  # the browser's own clock
            "--no-first-run",
            f"--user-data-dir={tmp_path / 'profile'}",
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
    assert ran.stdout.count('class="main-svg"') >= 8
    assert "CONSOLE" not in ran.stderr, ran.stderr
    events = json.loads(log.read_text())["events"]
    urls = {event.get("params", {}).get("url", "") for event in events}
    assert not {url for url in urls if url.startswith(("http:", "https:", "ws"))}


def test_a_picture_becomes_a_png(browser, storage):
    drawn = picture(load_measurements("grid", storage), "effects")
    image = as_png("grid", drawn)
    assert image.startswith(b"\x89PNG")
    assert len(image) > 10_000
