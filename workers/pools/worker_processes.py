"""Worker processes of this machine, as the program that uses them sees them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from multiprocessing.connection import Connection
from pathlib import Path, PurePosixPath

from workers.data import Dataset
from workers.pools.fork_server import FORK, NUMBER, REAP
from workers.pools.node_facts import temporary_folder
from workers.pools.pool import WorkersUnavailable, in_one_line

SERVER = "workers.pools.fork_server"
SECONDS_TO_END = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Worker:
    """A process that trains one segment at a time."""

    process: int
    link: Connection

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)


class ForkServer:
    """Starts worker processes quickly: see workers.pools.fork_server.

    It imports torch in the background from the moment it is made. Raises WorkersUnavailable.
    """

    def __init__(self) -> None:
        folder = temporary_folder()
        self._output = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  open as long as we are
        self._control, theirs = socket.socketpair()
        self._has_dataset = False
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", SERVER, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=self._output,
                    stderr=self._output,
                    start_new_session=True,  # Ctrl-C in a terminal is not for it
                    env=_environment(),
                )
            except OSError as error:  # such as too many processes
                self._output.close()
                self._control.close()
                line = f"worker processes do not start: {in_one_line(error)}"
                raise WorkersUnavailable(line) from None

    def check(self) -> None:
        """Raises WorkersUnavailable where it has ended already; it may still be starting."""
        if self._process.poll() is not None:
            raise WorkersUnavailable(f"worker processes do not start: {self._last_line()}")

    def fork(self, dataset: Dataset) -> Worker:
        """A new worker; all of a server have the same data set.

        Raises WorkersUnavailable.
        """
        try:
            if not self._has_dataset:
                with contextlib.closing(Connection(os.dup(self._control.fileno()))) as link:
                    link.send(dataset)
                self._has_dataset = True
            self._control.sendall(FORK)
            number, descriptors, *_ = socket.recv_fds(self._control, NUMBER.size, 1)
        except OSError:
            number, descriptors = b"", []
        if len(number) != NUMBER.size or not descriptors:
            raise WorkersUnavailable(f"worker processes do not start: {self._last_line()}")
        return Worker(NUMBER.unpack(number)[0], Connection(descriptors[0]))

    def reap(self, worker: Worker) -> int | None:
        """Wait for the end of a worker that was killed or has closed its link: its exit code,
        negative for a signal; None if the server is gone as well."""
        worker.link.close()
        try:
            self._control.sendall(REAP + NUMBER.pack(worker.process))
            code = self._control.recv(NUMBER.size, socket.MSG_WAITALL)
        except OSError:
            code = b""
        return NUMBER.unpack(code)[0] if len(code) == NUMBER.size else None

    def close(self) -> None:
        """End it, and every worker that it started; once or again."""
        if self._output.closed:
            return
        self._control.close()
        try:
            self._process.wait(SECONDS_TO_END if self._has_dataset else 0)
        except subprocess.TimeoutExpired:  # it is importing, or was stopped
            self._process.kill()
            self._process.wait()
        self._output.close()

    def _last_line(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_END)
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self._process.poll()}"


def usable_cpus(system: Path = Path("/")) -> int:
    """How many processors this process may keep busy, at least one: by its affinity, where the
    system has that, and by the limits of its control group and of all that this lies in. system is
    the folder of proc and sys."""
    known = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        known = len(os.sched_getaffinity(0))
    return max(1, min([known, *map(int, _group_limits(system))]))


def _group_limits(system: Path) -> Iterator[float]:
    """The limits in processors of the control groups that this process is in."""
    try:
        memberships = (system / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        memberships = ["0::/"]
    for membership in memberships:
        _, controllers, path = membership.split(":", 2)
        if controllers == "":  # version 2, alone or beside version 1
            mounts = ["", "unified"]
        elif "cpu" in controllers.split(","):
            mounts = [controllers, "cpu"]
        else:
            continue
        group = PurePosixPath(path)
        # A container sees its own group as the root, whatever the path says.
        for mount, place in product(mounts, (group, *group.parents)):
            yield from _limits(system / "sys/fs/cgroup" / mount / str(place).strip("/"))


def _limits(group: Path) -> Iterator[float]:
    for files in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with contextlib.suppress(OSError, ValueError):  # no such group; no limit: "max"
            quota, period = " ".join((group / name).read_text() for name in files).split()
            if int(quota) > 0:  # -1: no limit
                yield int(quota) / int(period)


def kernel_memory_kills() -> int:
    """How many processes the kernel has killed for memory since it started; 0 where it does not
    say."""
    try:
        counters = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in counters if line.startswith("oom_kill "))


def _environment() -> dict[str, str]:
    """One thread computes: more of them change bits, and threads do not survive a fork."""
    single = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, **dict.fromkeys(single, "1"), "PYTHONPATH": paths}
