"""The dashboard on real databases, served over HTTP."""

import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIServer, make_server

import pytest

from storage.database.opening import open_database
from study.dashboard.access import Rules, allowed_hosts
from study.dashboard.application import make_application
from tests.quiet_handler import QuietHandler

TOKEN = "0123456789abcdef" * 4


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def text(self) -> str:
        return self.content.decode()


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """An answer that leads elsewhere is an answer."""

    def redirect_request(self, *_: Any) -> None:
        """Goes nowhere."""


_OPENER = urllib.request.build_opener(NoRedirects)


@dataclass
class Served:
    """A dashboard that runs; token is what requests are sent with, told is what it logged."""

    address: str
    token: str | None
    application: Any
    told: list[str] = field(default_factory=list)

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        if self.token is not None:
            request.add_header("Authorization", f"Bearer {self.token}")
        for name, text in (headers or {}).items():
            request.add_header(name, text)
        try:
            with _OPENER.open(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def form(self, path: str, **fields: str) -> Answer:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self("POST", path, urllib.parse.urlencode(fields).encode(), kind)


class _Server(ThreadingMixIn, WSGIServer):
    """A thread per request."""

    daemon_threads = True
    block_on_close = False


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a dashboard of the database at a URL until the test ends."""
    with ExitStack() as stack:

        def start(url: str, *, token: str | None = TOKEN, **rules: Any) -> Served:
            return stack.enter_context(serving(url, token, **rules))

        yield start


@contextmanager
def serving(url: str, token: str | None, *, allow_edit: bool = False) -> Iterator[Served]:
    told: list[str] = []
    rules = Rules(allowed_hosts("127.0.0.1", "studies.example.org"), allow_edit)
    with open_database(url) as database:
        application = make_application(
            database, url, rules, token, lambda _level, line: told.append(line)
        )
        with make_server("127.0.0.1", 0, application, _Server, QuietHandler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            yield Served(f"http://127.0.0.1:{server.server_port}", token, application, told)
            server.shutdown()
            thread.join()
