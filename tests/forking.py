"""Processes of the command `study` that do not load its libraries again: a server has them loaded,
and forks.

Each command still has a process of its own, with its own arguments, folder, environment, output
and exit code. What it is spared is two seconds of imports.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

# Ray is not among them: it starts threads, which do not survive a fork.
LOADED = (
    *("torch", "pandas", "optuna", "sqlalchemy", "pyarrow", "sklearn.preprocessing"),
    *("study.launching.launch", "study.models.export", "study.service.enqueue", "study.doctor"),
)


class Forks:
    """Forks commands off a server, which lives until close()."""

    def __init__(self, environment: Mapping[str, str], log: IO[bytes]) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        out: IO[bytes],
        err: IO[bytes],
        timeout: float,
    ) -> int:
        """Run the command; its exit code, negative for a signal.

        Raises:
            subprocess.TimeoutExpired: and it was killed.
        """
        order = json.dumps([list(arguments), str(cwd), dict(env)]).encode()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            socket.send_fds(self._ours, [order], [out.fileno(), err.fileno(), theirs.fileno()])
            theirs.close()
            pid = int.from_bytes(ours.recv(8))
            ours.settimeout(timeout)
            try:
                answer = ours.recv(8)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(arguments), timeout) from None
        return os.waitstatus_to_exitcode(int.from_bytes(answer))

    def close(self) -> None:
        """End the server."""
        self._ours.close()
        self._server.wait(10)


def serve(orders: socket.socket) -> None:
    """Carry out one command after the other; in its process this ends as the command does."""
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()  # or each command's collector would copy all of it
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, 2**20, 3)
        if not order:
            return
        pid = os.fork()
        if pid == 0:
            orders.close()
            os._exit(become(*json.loads(order), *descriptors))
        out, err, answers = descriptors
        with socket.socket(fileno=answers) as client:
            client.send(pid.to_bytes(8))
            _, status = os.waitpid(pid, 0)
            client.send(status.to_bytes(8))
        os.close(out)
        os.close(err)


def become(
    arguments: list[str], folder: str, environment: dict[str, str], out: int, err: int, answers: int
) -> int:
    """Be the command; its exit code. What follows an exit is done here, but for taking apart the
    libraries, which takes as long as loading them."""
    os.close(answers)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["study", *arguments]
    from study.cli import main

    code = 1
    try:
        main()
    except SystemExit as left:
        code = int(left.code or 0)
    except BaseException as error:  # noqa: BLE001  as the interpreter would
        sys.excepthook(type(error), error, error.__traceback__)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as orders:
        serve(orders)
