"""The dashboard's WSGI application: Optuna's, with our pages and routes in it, behind the guard."""

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from storage.database.engine import Database
from storage.errors import StorageError
from storage.reading.inspection import check_reachable
from storage.trials.storage import TrialStorage
from study.dashboard.access import HEALTH, Rules
from study.dashboard.credentials import Sessions
from study.dashboard.editing import add_editing
from study.dashboard.frame import add_frame
from study.dashboard.guard import Guard, LogLine
from study.dashboard.login import add_login
from study.dashboard.report_pages import add_report_pages
from study.dashboard.reports import Reports
from study.dashboard.routes import add

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

FRESH_SECONDS = 1.0


def make_application(
    database: Database, storage: str, rules: Rules, token: str | None, log_line: LogLine
) -> "WSGIApplication":
    """The dashboard of the database, which is at the URL `storage`, as a WSGI application.

    token is None where nobody needs one. log_line is called for every request: see Guard.
    """
    from optuna_dashboard import wsgi

    log = logging.getLogger("optuna_dashboard")
    log.handlers, log.propagate = [_OneLine(log_line)], False
    sessions = None if token is None else Sessions(token)
    health = Health(database)
    app = wsgi(TrialStorage(database))
    app.catchall = False  # the guard answers for what goes wrong
    guard = Guard(app, rules, sessions, is_away=health.is_away, log_line=log_line)
    add_health(app, health)
    add_login(app, sessions, guard.check_token)
    add_editing(app, database)
    add_frame(app, allow_edit=rules.allow_edit, can_leave=sessions is not None)
    add_report_pages(app, database, Reports(database, storage))
    return guard


class _OneLine(logging.Handler):
    """A log handler for Optuna's views that passes the first line on; the others are a
    traceback."""

    def __init__(self, log_line: LogLine) -> None:
        super().__init__(logging.WARNING)
        self._log_line = log_line

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the first line on."""
        self._log_line(record.levelno, record.getMessage().partition("\n")[0])


class Health:
    """Whether the database answers; for requests without a token it is asked at most once a
    second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._asked_at = -FRESH_SECONDS
        self._answered = False

    def is_away(self, *, now: bool = True) -> bool:
        """Whether the database does not answer; without now, it may be a second ago."""
        with self._lock:
            if now or time.monotonic() - self._asked_at >= FRESH_SECONDS:
                try:
                    check_reachable(self._database)
                except StorageError:
                    self._answered = False
                else:
                    self._answered = True
                self._asked_at = time.monotonic()
            return not self._answered


def add_health(app: Any, health: Health) -> None:
    """Add /healthz, which answers without a token."""
    from bottle import response

    def view() -> dict[str, str]:
        if health.is_away(now=False):
            response.status = 503
            return {"status": "the database does not answer"}
        return {"status": "ok"}

    add(app, "GET", HEALTH, view)
