"""Worker processes of this machine, as the program that uses them sees them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from workers.data import Dataset
from workers.pools.fork_server import FORK, NUMBER, REAP
from workers.pools.pool import WorkersUnavailable

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

    It imports torch in the background from the moment it is made.
    """

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the server
        self._has_dataset = False
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", SERVER, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,  # Ctrl-C in a terminal is not for it
                env=_environment(),
            )

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


def usable_cpus() -> int:
    """How many processors this process may keep busy: by its affinity and its control group."""
    cpus = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cpus, int(int(quota) / int(period))))
    except (OSError, ValueError):  # no control group, or one without a limit ("max")
        return cpus


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
