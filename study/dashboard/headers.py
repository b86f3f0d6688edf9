"""The security headers of every answer."""

import base64
import hashlib
from collections.abc import Iterable
from html.parser import HTMLParser

Headers = list[tuple[str, str]]

_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)

_FRAMES = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
POLICY_OF_DATA = f"default-src 'none'; {_FRAMES}"
"""For answers that are no pages."""

POLICY_OF_PAGES = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; {_FRAMES}"
"""For our pages without a script."""

# Optuna's pages evaluate one thing: the shaders of parallel coordinates are generated as code. They
# set styles inline, and draw pictures from blobs.
POLICY_OF_OPTUNA = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    f"img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; {_FRAMES}"
)


def policy_for_scripts(scripts: Iterable[str]) -> str:
    """For a page that holds these scripts, given by their SHA-256 in base64, and needs no other."""
    sources = " ".join(f"'sha256-{script}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; "
        f"img-src data: blob:; {_FRAMES}"
    )


def with_security_headers(path: str, given: Headers) -> Headers:
    """An answer's headers, with what protects it. Our own pages name their policy themselves."""
    kept = {name.title(): (name, text) for name, text in given}
    policy = kept.get("Content-Security-Policy", ("", POLICY_OF_DATA))[1]
    if path == "/dashboard" or path.startswith("/dashboard/"):
        policy = POLICY_OF_OPTUNA
    # What is static may be kept, and is asked for anew: it has an ETag.
    cache = "private, no-cache" if path.startswith("/static/") else "no-store"
    ours = (*_ALWAYS, ("Content-Security-Policy", policy), ("Cache-Control", cache))
    replaced = {name for name, _ in ours} | {"Access-Control-Allow-Origin", "Server"}
    others = [(name, text) for name, text in given if name.title() not in replaced]
    return [*others, *ours]


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
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self._in_script = True
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.texts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._in_script = False
