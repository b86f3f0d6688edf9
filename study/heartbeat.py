"""Keeps a coordinator's lease alive from a thread, however long a training step takes."""

import threading
from types import TracebackType
from typing import Self

from storage.engine import Database
from storage.errors import DatabaseUnreachable, LeaseLost
from storage.leases import Lease, renew_lease


class Heartbeat:
    """Renews the lease three times within its length; lease() gives the current one.

    After the lease is lost, lease() raises LeaseLost and nothing is written any more: every
    write carries a lease.
    """

    def __init__(self, database: Database, lease: Lease) -> None:
        self._database = database
        self._lease = lease
        self._lost: LeaseLost | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def lease(self) -> Lease:
        """The lease to write under.

        Raises:
            LeaseLost: another coordinator has it.
        """
        if self._lost is not None:
            raise self._lost
        return self._lease

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(self._lease.seconds / 3):
            try:
                self._lease = renew_lease(self._database, self._lease)
            except DatabaseUnreachable:
                continue  # the coordinator notices by itself, and decides how long to wait
            except LeaseLost as lost:
                self._lost = lost
                return
