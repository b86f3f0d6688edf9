"""A Ray cluster with a token on the loopback interface, for tests of programs that join it."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest


@dataclass(frozen=True)
class Cluster:
    """A head; other programs find it by its address."""

    address: str
    token: str
    home: str
    head: psutil.Process

    def environment(self, **changes: str) -> Mapping[str, str]:
        """A user of this machine who knows nothing of the cluster, but for the changes."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        return {**kept, "HOME": self.home, **changes}

    def member_environment(self) -> Mapping[str, str]:
        """A user who has the token."""
        return self.environment(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=self.token)


@contextmanager
def running_cluster(*, cpus: int, under: tuple[str, ...] = ()) -> Iterator[Cluster]:
    """A cluster of one node, ended with the block; `under` is put before its command."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # A short path: the names of Ray's sockets lie below it.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        token = secrets.token_hex(32)
        file = Path(folder, "token")
        file.write_text(f"{token}\n")
        options = [f"--port={port}", "--node-ip-address=127.0.0.1", f"--temp-dir={folder}"]
        options += [f"--num-cpus={cpus}", "--object-store-memory=100000000"]
        options += ["--include-dashboard=false", "--disable-usage-stats", "--block"]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        with subprocess.Popen(
            [*under, str(Path(sys.executable).parent / "ray"), "start", "--head", *options],
            env={**kept, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            head = psutil.Process(process.pid)
            made = Cluster(f"127.0.0.1:{port}", token, folder, head)
            try:
                _wait_until_it_answers(made)
                yield made
            finally:
                for part in (*head.children(recursive=True), head):
                    with suppress(psutil.NoSuchProcess):
                        part.kill()


def _wait_until_it_answers(cluster: Cluster) -> None:
    agent = Path(cluster.home, "session_latest", "sockets", "raylet")
    for _ in range(600):
        if not cluster.head.is_running() or cluster.head.status() == psutil.STATUS_ZOMBIE:
            pytest.fail("the head ended")
        if agent.exists():
            return
        time.sleep(0.1)
    pytest.fail("the head did not start")
