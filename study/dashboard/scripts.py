"""The scripts within a page, by what a browser is to recognize them."""

import base64
import hashlib
from html.parser import HTMLParser


def scripts_of(page: str) -> tuple[str, ...]:
    """The SHA-256 of every script that runs in the page, in base64.

    A policy that lists them lets nothing else run: no attribute such as onerror, whoever managed
    to get it into the page.
    """
    found = _Scripts()
    found.feed(page.replace("\r\n", "\n").replace("\r", "\n"))  # as a browser reads it
    found.close()
    return tuple(
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in dict.fromkeys(found.texts)
    )


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.texts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self._inside = True
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False
