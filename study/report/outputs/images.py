"""Pictures as PNG, drawn by a Chromium that is already there.

The pictures are drawn by plotly.js. A second drawing library would draw them a second time,
differently, and Plotly's own exporter needs a Chrome as well, so the browser is asked directly.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from study.errors import InvalidInput
from study.report.building import Picture
from study.report.page import picture_page

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "chromium-headless-shell",
)
WIDTH = 1080
SECONDS = 60


def as_png(study: str, picture: Picture) -> bytes:
    """The picture with its caption, 1080 pixels wide.

    Raises InvalidInput where no Chromium or Chrome is on the PATH, or it draws nothing.
    """
    height = int(picture.figure.layout.height) + 150
    return screenshot(picture_page(study, picture, tools=False), WIDTH, height)


def screenshot(page: str, width: int, height: int) -> bytes:
    """What a browser shows of the page, as PNG. Raises as as_png."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise InvalidInput(
            "--format png needs Chromium or Chrome on the PATH; install one, or use --format html"
        )
    with tempfile.TemporaryDirectory(prefix="study-picture-") as name:
        folder = Path(name)
        source, target = folder / "page.html", folder / "page.png"
        source.write_text(page, encoding="utf-8")
        command = [
            browser,
            "--headless",
            "--no-sandbox",  # our own page, and containers have no sandbox
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width},{height}",
            "--virtual-time-budget=10000",
            f"--screenshot={target}",
            source.as_uri(),
        ]
        try:
            subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise InvalidInput(f"{browser} drew nothing in {SECONDS} s") from None
        if not target.is_file():
            raise InvalidInput(f"{browser} drew nothing; try --format html")
        return target.read_bytes()
