"""Routes in Optuna's application, which is one of bottle's: added, or in place of its own."""

from collections.abc import Callable
from typing import Any

from study.errors import StudyFailed

View = Callable[..., Any]


def add(app: Any, method: str, rule: str, view: View) -> None:
    """Answer requests for a rule of bottle's that Optuna does not have."""
    app.route(rule, method, view)


def replace(app: Any, method: str, rule: str, view: View) -> View:
    """Answer in Optuna's place, from now on; returns its own view.

    By its own rule and not by the path before it: there are many ways to write a path.

    Raises:
        StudyFailed: this version has no such route, so that replacing it would protect nothing.
    """
    theirs = find(app, method, rule)
    app.route(rule, method, view)
    return theirs


def find(app: Any, method: str, rule: str) -> View:
    """Optuna's own view. Raises StudyFailed where this version has none."""
    for route in app.routes:
        if (route.method, route.rule) == (method, rule):
            theirs: View = route.callback
            return theirs
    raise StudyFailed(f"this version of optuna-dashboard has no route {method} {rule}")


def send(location: str) -> str:
    """Send the browser to a path of this host; the body of that answer."""
    from bottle import response

    response.status = 303
    response.set_header("Location", location)
    return ""


def line(status: int, reason: str) -> dict[str, str]:
    """An answer of one line, as Optuna's pages expect it."""
    from bottle import response

    response.status = status
    response.content_type = "application/json"
    return {"reason": reason}
