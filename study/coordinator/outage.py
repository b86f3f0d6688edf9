"""A database that is away: how long it is waited for, and what follows when it is back."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from storage.errors import DatabaseUnreachable
from study.errors import ExitCode, StudyError
from study.monitoring import events
from study.monitoring.event import Event

# Seconds that the database may be away before the study stops, to be launched again.
LONGEST_OUTAGE = 600.0
# A study that was asked to stop leaves in seconds, whatever its database does.
LONGEST_OUTAGE_WHEN_STOPPING = 1.0
SECONDS_BETWEEN_TRIES = 0.2


class StoppedWithoutDatabase(DatabaseUnreachable, StudyError):
    """The study was stopped while its database was away: the next launch puts it in order."""

    exit_code = ExitCode.INTERRUPTED


@dataclass(slots=True)
class DatabaseOutage:
    """Acts on a database that may be away, and knows since when it has been.

    reconcile is called when it may be back, before anything else: a transaction whose answer was
    lost may have been committed. It raises DatabaseUnreachable where the database is still away.
    """

    reconcile: Callable[[], None]
    record_event: Callable[[Event], None]
    clock: Callable[[], float] = time.monotonic
    _since: float | None = None

    def try_once(self, act: Callable[[], None]) -> None:
        """Act, unless the database is away: then wait a moment, for the caller to try again.

        Raises:
            DatabaseUnreachable: it has been away for longer than LONGEST_OUTAGE.
        """
        self._try(act, LONGEST_OUTAGE)

    def retry(self, act: Callable[[], object], longest: Callable[[], float]) -> None:
        """Act, and wait for a database that is away.

        Raises:
            DatabaseUnreachable: it has been away for longer than longest(), in seconds.
        """
        while not self._try(act, longest()):
            pass

    def _try(self, act: Callable[[], object], longest: float) -> bool:
        try:
            if self._since is not None:
                self.reconcile()
            act()
        except DatabaseUnreachable as error:
            if self._since is None:
                self._since = self.clock()
                self.record_event(events.DatabaseAway(str(error)))
            if self.clock() - self._since > longest:
                raise
            time.sleep(SECONDS_BETWEEN_TRIES)
            return False
        if self._since is not None:
            self.record_event(events.DatabaseBack(self.clock() - self._since))
            self._since = None
        return True
