"""A real Chromium, driven over HTTP by chromedriver's WebDriver protocol."""

import base64
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from study.report.outputs.images import BROWSERS
from tests.ports import free_port, wait_for_answer

# The key under which the protocol hands elements out.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One window of a browser with an empty profile."""

    def __init__(self, driver: str, options: dict[str, Any]) -> None:
        self._session = driver
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        begun = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"{driver}/session/{begun['sessionId']}"

    def open(self, url: str) -> None:
        self._ask("POST", "/url", {"url": url})

    @property
    def address(self) -> str:
        return str(self._ask("GET", "/url"))

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return str(self.run("return document.body ? document.body.innerText : ''"))

    def run(self, script: str) -> Any:
        """What the script, the body of a function, returns; promises are waited for."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def type(self, css: str, text: str) -> None:
        self._ask("POST", f"/element/{self._find(css)}/value", {"text": text})

    def click(self, css: str) -> None:
        self._ask("POST", f"/element/{self._find(css)}/click", {})

    def until(self, seen: Callable[["Browser"], Any], what: str, seconds: float = 20) -> None:
        """Wait until something is seen, else fail the test."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if seen(self):
                return
            time.sleep(0.1)
        pytest.fail(f"not within {seconds:.0f} s: {what}\n{self.address}\n{self.text}")

    def console(self) -> list[str]:
        """What the browser complained of since the last time."""
        lines = self._ask("POST", "/se/log", {"type": "browser"})
        return [line["message"] for line in lines if line["level"] in ("WARNING", "SEVERE")]

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def close(self) -> None:
        self._ask("DELETE", "")

    def _find(self, css: str) -> str:
        found = self._ask("POST", "/element", {"using": "css selector", "value": css})
        return str(found[ELEMENT])

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._session + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            pytest.fail(f"{method} {path}: {json.load(error)['value']['message'][:500]}")


def find_program(*names: str) -> str:
    """The path of the first that is there; skips the test where none is."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        missing = f"{' or '.join(names)} is not on the PATH"
        if os.environ.get("STUDY_REQUIRE_SERVICES") == "1":
            pytest.fail(f"STUDY_REQUIRE_SERVICES=1, and {missing}")
        pytest.skip(missing)
    return found


def headless(folder: Path) -> list[str]:
    """Arguments for a Chromium without a window, with an empty profile, that asks nobody for
    anything on its own account."""
    return [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={folder / 'profile'}",
    ]


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A browser with its profile in the folder; skips the test where there is none."""
    chromium, chromedriver = find_program(*BROWSERS), find_program("chromedriver")
    port = free_port()
    driver = subprocess.Popen(
        [chromedriver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    arguments = [*headless(folder), "--window-size=1400,1000"]
    try:
        wait_for_answer(f"http://127.0.0.1:{port}/status", 30.0)
        browser = Browser(f"http://127.0.0.1:{port}", {"binary": chromium, "args": arguments})
        try:
            yield browser
        finally:
            browser.close()
    finally:
        driver.terminate()
        driver.wait(timeout=20)
