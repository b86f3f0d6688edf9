"""Taking a study: the lease of its only coordinator."""

import os
import socket
from pathlib import Path

from storage.engine import Database
from storage.errors import LeaseHeld
from storage.leases import Lease, acquire_lease
from storage.owners import Owner
from study import events
from study.errors import StudyBusy
from study.progress import Progress

LEASE_SECONDS = 30.0


def take_study(database: Database, name: str, progress: Progress) -> Lease:
    """The study's lease: at once where its last holder's process was on this host and is gone.

    Raises:
        StudyBusy: someone else has it, and for how long.
    """
    lease = _acquire(database, name)
    earlier = str(lease.taken_from) if lease.taken_from else None
    progress.tell(events.LeaseTaken(str(lease.owner), lease.epoch, earlier))
    return lease


def _acquire(database: Database, name: str) -> Lease:
    me = Owner.here()
    try:
        return acquire_lease(database, name, me, LEASE_SECONDS)
    except LeaseHeld as held:
        if not is_gone(held.owner):
            raise StudyBusy(f"{held}; stop it first, or wait until its lease runs out") from None
        return acquire_lease(database, name, me, LEASE_SECONDS, force_from=held.owner)


def is_gone(owner: Owner) -> bool:
    """Whether that process was on this host and has ended; of other hosts nothing is known."""
    if owner.host != socket.gethostname():
        return False
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    # In a container without an init process, nobody may ever collect what has ended.
    try:
        state = Path(f"/proc/{owner.pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state == "Z"
