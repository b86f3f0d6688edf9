"""A Ray cluster with a token lets in who has it, and runs nothing for anybody else."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

JOIN = """
import sys
from workers.data import DataSource, load_dataset
from workers.ray_pool import ClusterUnreachable, RayPool

try:
    pool = RayPool(load_dataset(DataSource("wine")), address=sys.argv[1])
except ClusterUnreachable as error:
    sys.exit(f"{type(error).__name__}: {error}")
print("slots", pool.slots())
pool.close()
"""


@dataclass(frozen=True)
class Cluster:
    """A head with one CPU on the loopback interface; other programs find it by its address."""

    address: str
    token: str
    home: str
    head: psutil.Process

    def environment(self, **changes: str) -> Mapping[str, str]:
        """A user of this machine who knows nothing of the cluster, but for the changes."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        return {**kept, "HOME": self.home, **changes}

    def start(self, *command: str, **changes: str) -> "subprocess.Popen[str]":
        """A program of somebody who wants to use the cluster."""
        return subprocess.Popen(
            command,
            env=self.environment(**changes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def join(self, **changes: str) -> "subprocess.Popen[str]":
        """A study's pool that wants to use it."""
        return self.start(sys.executable, "-c", JOIN, self.address, **changes)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # A short path: the names of Ray's sockets lie below it.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        token = secrets.token_hex(32)
        file = Path(folder, "token")
        file.write_text(f"{token}\n")
        options = [f"--port={port}", "--node-ip-address=127.0.0.1", f"--temp-dir={folder}"]
        options += ["--num-cpus=1", "--include-dashboard=false", "--disable-usage-stats", "--block"]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        with subprocess.Popen(
            [str(Path(sys.executable).parent / "ray"), "start", "--head", *options],
            env={**kept, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            head = psutil.Process(process.pid)
            made = Cluster(f"127.0.0.1:{port}", token, folder, head)
            try:
                wait_until_it_answers(made)
                yield made
            finally:
                for part in (*head.children(recursive=True), head):
                    with suppress(psutil.NoSuchProcess):
                        part.kill()


def wait_until_it_answers(cluster: Cluster) -> None:
    agent = Path(cluster.home, "session_latest", "sockets", "raylet")
    for _ in range(600):
        if not cluster.head.is_running():
            pytest.fail("the head ended")
        if agent.exists():
            return
        time.sleep(0.1)
    pytest.fail("the head did not start")


STRANGERS = {
    "no token": {},
    "a token is wanted and not found": {"RAY_AUTH_MODE": "token"},
    "a wrong token": {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "f" * 64},
}
NODES = ("no token", "a wrong token")


@pytest.fixture(scope="module")
def strangers(cluster: Cluster) -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    """Studies and nodes without the token. Ray tries again for 20 s before it says so, so they
    all try at once."""
    node = [str(Path(sys.executable).parent / "ray"), "start", f"--address={cluster.address}"]
    trying = {f"study, {who}": cluster.join(**changes) for who, changes in STRANGERS.items()}
    trying |= {f"node, {who}": cluster.start(*node, **STRANGERS[who]) for who in NODES}
    yield trying
    for process in trying.values():
        process.kill()
        process.communicate()


def test_with_the_token_a_study_uses_the_cluster(cluster, strangers):
    joined = cluster.join(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=cluster.token)
    said, complaint = joined.communicate(timeout=120)
    assert joined.returncode == 0, complaint
    assert "slots 1" in said


@pytest.mark.parametrize("who", STRANGERS)
def test_without_it_a_study_is_told_so_in_one_line(cluster, strangers, who):
    refused = strangers[f"study, {who}"]
    said, complaint = refused.communicate(timeout=120)
    assert refused.returncode == 1
    line = complaint.strip().splitlines()[-1]
    assert line.startswith(f"TokenRefused: Ray at {cluster.address}: the token is missing or wrong")
    assert cluster.token not in said + complaint


@pytest.mark.parametrize("who", NODES)
def test_without_it_no_node_joins(strangers, who):
    refused = strangers[f"node, {who}"]
    said, complaint = refused.communicate(timeout=120)
    assert refused.returncode != 0
    assert "Authentication token is missing or incorrect" in said + complaint


def test_without_it_no_port_runs_anything(cluster):
    """Every port of the cluster that speaks HTTP, found in the sockets of its processes."""
    codes: set[int] = set()
    for _ in range(300):  # the agents start after what they serve
        codes |= {answer_to_an_order(*place) for place in filter(speaks_http, listening(cluster))}
        if 401 in codes:
            break
        time.sleep(0.1)
    # The agent that makes environments refuses; a page of figures takes no orders from anybody.
    assert 401 in codes
    assert codes <= {401, 405}


def test_the_token_is_in_no_command_line(cluster):
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert cluster.token.encode() not in process.read_bytes()
        except OSError:  # it has ended
            continue


def listening(cluster: Cluster) -> set[tuple[str, int]]:
    """Where the cluster's processes listen, by TCP."""
    places = set()
    for process in cluster.head.children(recursive=True):
        with suppress(psutil.Error):
            for found in process.net_connections("tcp"):
                if found.status == psutil.CONN_LISTEN:
                    anywhere = found.laddr.ip in ("0.0.0.0", "::")
                    places.add(("127.0.0.1" if anywhere else found.laddr.ip, found.laddr.port))
    return places


def answer_to_an_order(host: str, port: int) -> int:
    """The status with which an environment that runs code is made, or not."""
    url = f"http://{host}:{port}/get_or_create_runtime_env"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=b""), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def speaks_http(place: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(place, timeout=5) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return client.recv(8).startswith(b"HTTP/1.")
    except OSError:
        return False
