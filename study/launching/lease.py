"""The lease of a study's only coordinator: taken, and kept alive from a thread.

The thread renews it however long a training step takes, and learns on the way when somebody asks
the study to stop, and who else is trained on the same cluster.
"""

import _thread
import signal
import threading
import time
from typing import Self

from storage.database.engine import Database
from storage.errors import DatabaseUnreachable, LeaseHeld, LeaseLost
from storage.owners import Owner, is_gone
from storage.studies.cluster_demand import read_demand, write_demand
from storage.studies.leases import Lease, acquire_lease, renew_lease
from storage.tables.status import RunStatus
from study.errors import StudyBusy
from study.monitoring import events
from study.monitoring.progress import Progress

LEASE_SECONDS = 30.0


def take_study(database: Database, name: str, progress: Progress) -> Lease:
    """The study's lease: at once where its last holder's process is known to be gone.

    Raises:
        StudyBusy: someone else has it, and for how long.
    """
    lease = _acquire(database, name)
    earlier = str(lease.taken_from) if lease.taken_from else None
    progress.record_event(events.LeaseTaken(str(lease.owner), lease.epoch, earlier))
    return lease


def _acquire(database: Database, name: str) -> Lease:
    me = Owner.this_process()
    try:
        return acquire_lease(database, name, me, LEASE_SECONDS)
    except LeaseHeld as held:
        if not is_gone(held.owner):
            raise StudyBusy(f"{held}; stop it first, or wait until its lease runs out") from None
        return acquire_lease(database, name, me, LEASE_SECONDS, force_from=held.owner)


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
        self._written: tuple[str | None, int] = (None, 0)
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
        write_demand(self._database, lease, cluster, slots)
        self._wanted_by_others = read_demand(self._database, lease, cluster).wanted_by_others
        self._written = (cluster, slots)
        self._cluster, self._wanted = cluster, slots

    def want(self, slots: int) -> None:
        """How many slots of the cluster the study could use now; others read it after the next
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
                self._write_demand()
                self._read_demand()
            except DatabaseUnreachable:
                continue  # the coordinator notices by itself, and decides how long to wait
            except LeaseLost as lost:
                self._lost = lost

    def _write_demand(self) -> None:
        now = (self._cluster, self._wanted)
        if now != self._written:
            write_demand(self._database, self._lease, *now)
            self._written = now

    def _read_demand(self) -> None:
        demand = read_demand(self._database, self._lease, self._cluster)
        self._wanted_by_others = demand.wanted_by_others
        if demand.status is RunStatus.STOPPING:
            self.ask_to_stop()
