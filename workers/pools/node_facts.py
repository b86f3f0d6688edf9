"""What a machine is like, as the process that trains on it sees it: gathered on the spot."""

import os
import platform
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from workers.pools.pool import WorkersUnavailable

SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Disk:
    """Room on the file system that holds the path, in bytes."""

    path: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device that torch can use; memory in bytes."""

    name: str
    memory: int


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A machine.

    versions maps packages to their version, None where one is not installed. capability
    is the CPU's, as torch names it. cuda is the version that torch was built with, None for a
    build without; devices counts the NVIDIA devices of the system, gpus are those that torch sees.
    temporary is where the cluster's software keeps its files, shared_memory where it keeps objects
    (None: the system has no such place). token says whether this process asks for its token.
    """

    host: str
    python: str
    versions: Mapping[str, str | None]
    cpus: int
    capability: str
    cuda: str | None
    devices: int
    gpus: tuple[Gpu, ...]
    temporary: Disk
    shared_memory: Disk | None
    token: bool


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """What came back from a node: facts, or an error in one line.

    clock_ahead_seconds is how far its clock is ahead of ours, within clock_error_seconds.
    """

    address: str
    facts: NodeFacts | None
    error: str = ""
    clock_ahead_seconds: float = 0.0
    clock_error_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """A cluster: what its nodes answered, and what it counts itself. Memory is in bytes."""

    nodes: tuple[NodeAnswer, ...]
    cpus: float
    gpus: float
    memory: float
    object_store: float


def gather_node_facts(*, distribution: str, temporary: Path, token: bool) -> NodeFacts:
    """The facts of the machine and the process that call; distribution is the cluster's package."""
    import torch

    seen = range(torch.cuda.device_count())
    return NodeFacts(
        host=socket.gethostname(),
        python=platform.python_version(),
        versions={
            name: _version(name) for name in ("overfit-study", "torch", distribution, "numpy")
        },
        cpus=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        capability=torch.backends.cpu.get_cpu_capability(),
        cuda=torch.version.cuda,
        devices=len(list(Path("/dev").glob("nvidia[0-9]*"))),
        gpus=tuple(
            Gpu(device.name, device.total_memory)
            for device in map(torch.cuda.get_device_properties, seen)
        ),
        temporary=disk_of(temporary),
        shared_memory=disk_of(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None,
        token=token,
    )


def temporary_folder() -> Path:
    """Where temporary files are made. Raises WorkersUnavailable: nowhere can they be written."""
    try:
        return Path(tempfile.gettempdir()).absolute()
    except FileNotFoundError:
        raise WorkersUnavailable(
            "temporary files cannot be written in any of the usual folders; set TMPDIR to one that "
            "can be written and has room"
        ) from None


def clock() -> float:
    """Seconds since 1970 on the machine that calls."""
    return time.time()


def disk_of(path: Path) -> Disk:
    """The disk that holds the path, which need not exist."""
    existing = next(place for place in (path, *path.parents) if os.access(place, os.F_OK))
    usage = shutil.disk_usage(existing)
    return Disk(str(path), usage.free, usage.total)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
