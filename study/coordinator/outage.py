"""A database that is away: how long it is waited for, and what follows when it is back."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from storage.errors import DatabaseUnreachable
from study.errors import ExitCode, StudyError
from study.monitoring import events

# How long the database may be away before the study stops, to be launched again.
PATIENCE = 600.0
# A study that was asked to stop leaves in seconds, whatever its database does.
PATIENCE_OF_A_LEAVER = 1.0
SECONDS_BETWEEN_TRIES = 0.2


class StoppedWithoutDatabase(DatabaseUnreachable, StudyError):
    """The study was stopped while its database was away: the next launch puts it in order."""

    exit_code = ExitCode.INTERRUPTED


@dataclass(slots=True)
class Absence:
    """Knows since when the database has been away.

    reconcile is called when it may be back, before anything else: a transaction whose answer was
    lost may have been committed. It raises DatabaseUnreachable where the database is still away.
    """

    reconcile: Callable[[], None]
    tell: Callable[[events.Event], None]
    clock: Callable[[], float] = time.monotonic
    _since: float | None = None

    def while_reachable(self, act: Callable[[], None]) -> None:
        """Act; while the database is away, come back soon to try again.

        Raises:
            DatabaseUnreachable: it has been away for longer than PATIENCE.
        """
        self._try(act, PATIENCE)

    def insist(self, act: Callable[[], object], patience: Callable[[], float]) -> None:
        """Act, and wait for a database that is away.

        Raises:
            DatabaseUnreachable: it has been away for longer than patience(), in seconds.
        """
        while not self._try(act, patience()):
            pass

    def _try(self, act: Callable[[], object], patience: float) -> bool:
        try:
            if self._since is not None:
                self.reconcile()
            act()
        except DatabaseUnreachable as error:
            if self._since is None:
                self._since = self.clock()
                self.tell(events.DatabaseAway(str(error)))
            if self.clock() - self._since > patience:
                raise
            time.sleep(SECONDS_BETWEEN_TRIES)
            return False
        if self._since is not None:
            self.tell(events.DatabaseBack(self.clock() - self._since))
            self._since = None
        return True
