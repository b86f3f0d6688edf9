"""Keeps a coordinator's lease alive from a thread, however long a training step takes, and hears
when somebody asks the study to stop."""

import _thread
import signal
import threading
import time
from typing import Self

from storage.engine import Database
from storage.errors import DatabaseUnreachable, LeaseLost
from storage.leases import Lease, renew_lease
from storage.runs import read_run
from storage.status import RunStatus

BEAT_SECONDS = 2.0


class Heartbeat:
    """Renews the lease three times within its length; lease() gives the current one.

    After the lease is lost, lease() raises LeaseLost and nothing is written any more: every
    write carries a lease.
    """

    def __init__(self, database: Database, lease: Lease) -> None:
        self._database = database
        self._lease = lease
        self._lost: LeaseLost | None = None
        self._stop_requested = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def lease(self) -> Lease:
        """The lease to write under.

        Raises:
            LeaseLost: another coordinator has it.
        """
        if self._lost is not None:
            raise self._lost
        return self._lease

    def stop_requested(self) -> bool:
        """Whether somebody asked, through the database, for the study to stop."""
        return self._stop_requested.is_set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        renewed = time.monotonic()
        while not self._ended.wait(BEAT_SECONDS) and self._lost is None:
            try:
                if time.monotonic() - renewed >= self._lease.seconds / 3:
                    self._lease = renew_lease(self._database, self._lease)
                    renewed = time.monotonic()
                self._listen()
            except DatabaseUnreachable:
                continue  # the coordinator notices by itself, and decides how long to wait
            except LeaseLost as lost:
                self._lost = lost

    def _listen(self) -> None:
        if self.stop_requested():
            return
        if read_run(self._database, self._lease.study).status is RunStatus.STOPPING:
            self._stop_requested.set()
            # The main thread may be deep in a training step, which only a signal leaves.
            _thread.interrupt_main(signal.SIGTERM)
