"""Who holds a lease: one process, named so that a person can find it."""

import contextlib
import os
import secrets
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

PROCESSES = Path("/proc")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process on a host; token tells it from an earlier process with the same number.

    table names the boot and the PID namespace in which the process has its number, and started is
    when it began, in the kernel's ticks since then. None: not known, as of owners that were stored
    by earlier versions; nobody can then tell whether the process has ended.
    """

    host: str
    pid: int
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    table: str | None = None
    started: int | None = None

    @classmethod
    def this_process(cls) -> "Owner":
        """The calling process, with a new token: two owners of one process are not equal."""
        return cls.of_process(os.getpid())

    @classmethod
    def of_process(cls, pid: int) -> "Owner":
        """A process that the calling one knows by this number, with a new token."""
        table, begun = process_table(), _state_and_start(pid)
        return cls(socket.gethostname(), pid, table=table, started=begun and begun[1])

    @classmethod
    def parse(cls, stored: str) -> "Owner":
        """The owner whose `stored` this is. Raises ValueError for a text that is no owner's."""
        host, pid, identity = stored.rsplit("/", 2)
        token, *known = identity.split(":")
        table, started = known if len(known) == 2 else ("", "")
        return cls(host, int(pid), token, table or None, int(started) if started else None)

    @property
    def stored(self) -> str:
        """The text that stands for this owner in the database."""
        text = f"{self.host}/{self.pid}/{self.token}"
        if self.table is None:
            return text
        return f"{text}:{self.table}:{'' if self.started is None else self.started}"

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def is_gone(owner: Owner) -> bool:
    """Whether that process had its number where we have ours, and has ended.

    A number and a host's name are no evidence: containers may share the name, and each counts its
    processes from 1. Of other hosts, boots and PID namespaces nothing is known.
    """
    if owner.host != socket.gethostname() or owner.table is None or owner.table != process_table():
        return False
    present = _state_and_start(owner.pid)
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return present is None
    except PermissionError:
        return False
    if present is None:
        return False
    state, started = present
    # In a container without an init process, nobody may ever collect what has ended.
    return state == "Z" or (owner.started is not None and started != owner.started)


def process_table() -> str | None:
    """Names the boot and the PID namespace that this process's number is from; None: not known."""
    if sys.platform != "linux":
        return sys.platform  # one table a host
    with contextlib.suppress(OSError):
        boot = (PROCESSES / "sys/kernel/random/boot_id").read_text().strip()
        # Else it shows the processes of another namespace.
        if (PROCESSES / "self").readlink().name == str(os.getpid()):
            return f"{boot}-{(PROCESSES / 'self/ns/pid').stat().st_ino}"
    return None


def _state_and_start(pid: int) -> tuple[str, int] | None:
    """The process's state, a letter, and when it began; None: the kernel shows no such process."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # After the name, which may hold anything, follow state and 18 numbers up to its start.
        facts = (PROCESSES / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2]
        return facts.split()[0], int(facts.split()[19])
    return None
