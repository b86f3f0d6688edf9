"""Whether the dashboard can do its work, for whoever watches it; says nothing else."""

import threading
import time
from typing import Any

from storage.engine import Database
from storage.errors import StorageError
from storage.inspecting import answers
from study.dashboard.access import HEALTH
from study.dashboard.routes import add

FRESH_SECONDS = 1.0


class Health:
    """Asks the database; for strangers at most once a second, however many they are."""

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
                    answers(self._database)
                except StorageError:
                    self._answered = False
                else:
                    self._answered = True
                self._asked_at = time.monotonic()
            return not self._answered


def add_health(app: Any, health: Health) -> None:
    """The endpoint that answers everybody."""
    from bottle import response

    def view() -> dict[str, str]:
        if health.is_away(now=False):
            response.status = 503
            return {"status": "the database does not answer"}
        return {"status": "ok"}

    add(app, "GET", HEALTH, view)
