"""A Ray cluster with a token lets in who has it, and runs nothing for anybody else."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.ray_cluster import Cluster, running_cluster

JOIN = """
import sys
from workers.data import DataSource, load_dataset
from workers.pools.ray_cluster import ClusterUnreachable, RayPool

try:
    pool = RayPool(load_dataset(DataSource("wine")), address=sys.argv[1])
except ClusterUnreachable as error:
    sys.exit(f"{type(error).__name__}: {error}")
print("slots", pool.slots())
pool.close()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster(cpus=1) as made:
        yield made


def start(cluster: Cluster, *command: str, **changes: str) -> "subprocess.Popen[str]":
    """A program of somebody who wants to use the cluster."""
    return subprocess.Popen(
        command,
        env=cluster.environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def join(cluster: Cluster, **changes: str) -> "subprocess.Popen[str]":
    """A study's pool that wants to use it."""
    return start(cluster, sys.executable, "-c", JOIN, cluster.address, **changes)


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
    trying = {f"study, {who}": join(cluster, **changes) for who, changes in STRANGERS.items()}
    trying |= {f"node, {who}": start(cluster, *node, **STRANGERS[who]) for who in NODES}
    yield trying
    for process in trying.values():
        process.kill()
        process.communicate()


def test_with_the_token_a_study_uses_the_cluster(cluster, strangers):
    joined = join(cluster, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=cluster.token)
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
    seen = {}
    for process in (cluster.head, *cluster.head.children(recursive=True)):
        with suppress(OSError):  # it has ended
            seen[process.pid] = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    words = b" ".join(seen.values())

    assert b"gcs_server" in words
    assert b"raylet" in words
    assert cluster.head.pid in seen
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            seen[int(process.parent.name)] = process.read_bytes()
    assert os.getpid() in seen
    assert not [pid for pid, line in seen.items() if cluster.token.encode() in line]


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
