"""Keeps a coordinator's lease alive from a thread, however long a training step takes, and hears
when somebody asks the study to stop, and who else is trained on the same cluster."""

import _thread
import signal
import threading
import time
from typing import Self

from storage.engine import Database
from storage.errors import DatabaseUnreachable, LeaseLost
from storage.leases import Lease, renew_lease
from storage.neighbours import announce, listen
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
        self._cluster: str | None = None
        self._wanted = 0
        self._announced: tuple[str | None, int] = (None, 0)
        self._wanted_by_others: tuple[int, ...] = ()
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
        """Whether somebody asked, through the database or ask_to_stop, for the study to stop."""
        return self._stop_requested.is_set()

    def ask_to_stop(self) -> None:
        """Ask the main thread to stop, as a request in the database does; from any thread."""
        if self._stop_requested.is_set():
            return
        self._stop_requested.set()
        # The main thread may be deep in a training step, which only a signal leaves.
        _thread.interrupt_main(signal.SIGTERM)

    def join(self, cluster: str | None, slots: int) -> None:
        """From now on share this cluster, of so many slots, with the others that are trained on
        it; None: with nobody. Of two that join, at least one knows of the other when this returns.

        Raises:
            LeaseLost: another coordinator has the study.
            DatabaseUnreachable: nothing is known of the others.
        """
        lease = self.lease()
        announce(self._database, lease, cluster, slots)
        self._wanted_by_others = listen(self._database, lease, cluster).wanted_by_others
        self._announced = (cluster, slots)
        self._cluster, self._wanted = cluster, slots

    def want(self, slots: int) -> None:
        """How many slots of the cluster the study could use now; others are told by the next
        beat."""
        self._wanted = slots

    def wanted_by_others(self) -> tuple[int, ...]:
        """How many slots of the cluster each other study on it could use."""
        return self._wanted_by_others

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
                self._announce()
                self._listen()
            except DatabaseUnreachable:
                continue  # the coordinator notices by itself, and decides how long to wait
            except LeaseLost as lost:
                self._lost = lost

    def _announce(self) -> None:
        now = (self._cluster, self._wanted)
        if now != self._announced:
            announce(self._database, self._lease, *now)
            self._announced = now

    def _listen(self) -> None:
        heard = listen(self._database, self._lease, self._cluster)
        self._wanted_by_others = heard.wanted_by_others
        if heard.status is RunStatus.STOPPING:
            self.ask_to_stop()
