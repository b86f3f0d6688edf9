"""Stands before the application: lets in what access.py allows, and protects every answer."""

import json
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from storage.errors import DatabaseUnreachable, StorageError
from study.dashboard.access import LOGIN, READING, Refusal, Request, Rules, is_local_path, refuse
from study.dashboard.credentials import FailureLimit, Sessions
from study.dashboard.headers import Headers, with_security_headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SIGNED_IN = "study.signed_in"
"""The key in a request's environment under which the application finds whether it has a session
or the token."""

LogLine = Callable[[int, str], None]
_TOO_MANY = Refusal(
    HTTPStatus.TOO_MANY_REQUESTS,
    "too many wrong tokens in a short time; try again in a few seconds",
)
_AWAY = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer; try again later")
_DEFECT = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "internal server error")


class Guard:
    """A WSGI application around another one.

    inner is what is guarded. sessions is None where no token is needed. is_away tells whether the
    database does not answer, asked when the application failed. log_line takes, in one line each,
    what was asked for and what came of it: reading at the level DEBUG, changes and refusals above.
    """

    def __init__(
        self,
        inner: "WSGIApplication",
        rules: Rules,
        sessions: Sessions | None,
        *,
        is_away: Callable[[], bool],
        log_line: LogLine,
    ) -> None:
        self.inner = inner
        self._rules = rules
        self._sessions = sessions
        self._is_away = is_away
        self._log_line = log_line
        self._lock = threading.Lock()
        self._failures = FailureLimit()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        began = time.perf_counter()
        environ.pop("HTTP_X_FORWARDED_HOST", None)  # which the application would believe
        environ.setdefault("HTTP_ACCEPT_ENCODING", "")  # without which it fails
        request = _request_in(environ)
        status, headers, body = self._answer(environ, request)
        self._log(environ, request, status, time.perf_counter() - began)
        start_response(status, with_security_headers(request.path, headers))
        return [] if request.method == "HEAD" else body

    def check_token(self, token: str) -> bool | None:
        """Whether it is the token; None: there were too many wrong ones to compare it now."""
        if self._sessions is None:
            return True
        with self._lock:
            self._failures = self._failures.refilled(time.monotonic())
            if self._failures.exhausted:
                return None
            right = self._sessions.is_token(token)
            if not right:
                self._failures = self._failures.after_failure()
            return right

    def _answer(
        self, environ: "WSGIEnvironment", request: Request
    ) -> tuple[str, Headers, Iterable[bytes]]:
        signed_in = self._is_signed_in(environ)
        refusal = refuse(request, self._rules, signed_in=signed_in is True)
        if refusal is None:
            environ[SIGNED_IN] = signed_in is True
            return self._answer_inside(environ)
        if refusal.status is HTTPStatus.UNAUTHORIZED:
            if signed_in is None:
                refusal = _TOO_MANY
            elif _is_navigation(environ, request):
                return _redirect_to_login(environ, request)
        return _line(refusal)

    def _is_signed_in(self, environ: "WSGIEnvironment") -> bool | None:
        if self._sessions is None:
            return True
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.check_token(token.strip())
        session = _cookies(environ).get(self._sessions.cookie, "")
        return self._sessions.is_valid(session, time.time())

    def _answer_inside(self, environ: "WSGIEnvironment") -> tuple[str, Headers, Iterable[bytes]]:
        answer: list[tuple[str, Headers]] = []

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            answer.append((status, headers))

        try:
            body = self.inner(environ, start)
        except DatabaseUnreachable:
            return _line(_AWAY)
        except StorageError as error:
            self._log_line(logging.ERROR, str(error))
            return _line(_DEFECT)
        except Exception:  # noqa: BLE001  a defect of ours ends a request, not the server
            self._log_line(logging.ERROR, traceback.format_exc())
            return _line(_DEFECT)
        status, headers = answer[-1]
        # Optuna's views turn every error into 500.
        if status.startswith("500") and self._is_away():
            return _line(_AWAY)
        return status, headers, body

    def _log(
        self, environ: "WSGIEnvironment", request: Request, status: str, seconds: float
    ) -> None:
        code = int(status.partition(" ")[0])
        level = logging.INFO if code < 500 else logging.WARNING
        if request.method in READING and code < 400:
            level = logging.DEBUG
        # The query is left out: someone may have put a token there, in vain.
        what = f"{quote(request.method)} {quote(request.path)}"
        self._log_line(
            level, f"{environ.get('REMOTE_ADDR', '')} {what}: {code} in {seconds * 1000:.0f} ms"
        )


def _request_in(environ: "WSGIEnvironment") -> Request:
    return Request(
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", "") or "/",
        host=environ.get("HTTP_HOST"),
        origin=environ.get("HTTP_ORIGIN"),
        site=environ.get("HTTP_SEC_FETCH_SITE"),
    )


def _cookies(environ: "WSGIEnvironment") -> dict[str, str]:
    # Other programs on this host set cookies for it too; theirs may be malformed.
    pairs = (part.strip().partition("=") for part in environ.get("HTTP_COOKIE", "").split(";"))
    return {name: text for name, _, text in pairs}


def _is_navigation(environ: "WSGIEnvironment", request: Request) -> bool:
    """Whether a person went there, who can sign in, and not a program or a script of the page."""
    wants_html = "text/html" in environ.get("HTTP_ACCEPT", "")
    return request.method == "GET" and wants_html and "HTTP_AUTHORIZATION" not in environ


def _redirect_to_login(
    environ: "WSGIEnvironment", request: Request
) -> tuple[str, Headers, Iterable[bytes]]:
    query = urlencode(parse_qsl(environ.get("QUERY_STRING", ""))[:8])
    wanted = quote(request.path.encode("latin-1")) + (f"?{query}" if query else "")
    then = f"?{urlencode({'next': wanted})}" if is_local_path(wanted) and wanted != "/" else ""
    return "303 See Other", [("Location", LOGIN + then)], []


def _line(refusal: Refusal) -> tuple[str, Headers, Iterable[bytes]]:
    text = json.dumps({"reason": refusal.reason}).encode() + b"\n"
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(text)))]
    match refusal.status:
        case HTTPStatus.UNAUTHORIZED:
            headers.append(("WWW-Authenticate", 'Bearer realm="study dashboard"'))
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append(("Retry-After", "5"))
    return f"{refusal.status.value} {refusal.status.phrase}", headers, [text]
