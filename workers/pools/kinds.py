"""Every kind of pool, one entry each: how it is addressed and opened, and what it can do.

Whoever adds a kind writes its pool and its entry here; nothing else in the program knows of it.
Light to import: a pool's own libraries are loaded when one is opened.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.pools.node_facts import ClusterFacts, NodeFacts
from workers.pools.pool import ClusterUnreachable, Pool, in_one_line

if TYPE_CHECKING:
    from workers.data import Dataset
    from workers.pools.worker_processes import ForkServer


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRequest:
    """What a pool is opened for.

    address None: a pool of this machine alone. gpus is the share of a GPU that a segment takes.
    workers are worker processes that have begun to start, for a kind that wants them.
    """

    dataset: "Dataset"
    address: str | None = None
    gpus: float = 0.0
    workers: "ForkServer | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterKind:
    """Software that makes a cluster of machines, as those who run it meet it.

    distribution is its package, of which every node needs the same version. run_here starts a
    cluster of this machine for the length of the block and gives its address; inspect asks the
    nodes of the one at an address (None: of one that it starts for so long); both raise
    ClusterUnreachable. node_facts gathers what inspect asks a node, here. On a disk that is fuller
    than fullest_disk, a share, it stops. set_cpus and ask_for_token say how a node is told to.
    """

    name: str
    distribution: str
    run_here: Callable[[], AbstractContextManager[str]]
    inspect: Callable[[str | None], ClusterFacts]
    node_facts: Callable[[], NodeFacts]
    fullest_disk: float
    set_cpus: str
    ask_for_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolKind:
    """One way to carry segments out.

    keyword, as an address, stands for such a pool on this machine alone; scheme begins the
    addresses of others (SCHEME://…), None: there are no others. place completes "studies train in".
    forks: it uses worker processes that may begin before their data are read. takes_gpus: its
    segments can be trained on GPUs. open raises PoolUnavailable.
    """

    keyword: str
    place: str
    open: Callable[[PoolRequest], Pool]
    scheme: str | None = None
    forks: bool = False
    takes_gpus: bool = True
    cluster: ClusterKind | None = None


def _open_serial(request: PoolRequest) -> Pool:
    from workers.pools.serial import SerialPool

    return SerialPool(request.dataset)


def _open_processes(request: PoolRequest) -> Pool:
    from workers.pools.processes import ProcessPool

    if request.workers is not None:
        request.workers.check()
    return ProcessPool(request.dataset, server=request.workers)


@contextmanager
def _installed() -> Iterator[None]:
    """Import Ray here: there are systems for which there is none."""
    try:
        yield
    except ImportError as error:
        raise ClusterUnreachable(
            f"Ray cannot be imported: {in_one_line(error)}",
            remedy="pip install 'ray>=2.60', or do without it: --cluster processes, or serial",
        ) from None


def _open_ray(request: PoolRequest) -> Pool:
    with _installed():
        from workers.pools.ray_cluster import RayPool

    return RayPool(request.dataset, address=request.address, gpus=request.gpus)


def _run_ray_here() -> AbstractContextManager[str]:
    with _installed():
        from workers.pools.ray_cluster import local_cluster

    return local_cluster()


def _inspect_ray(address: str | None) -> ClusterFacts:
    with _installed():
        from workers.pools.ray_cluster import inspect_cluster

    return inspect_cluster(address)


def _ray_node_facts() -> NodeFacts:
    from workers.pools.ray_node import ray_node_facts

    return ray_node_facts()


_SERIAL = PoolKind(keyword="serial", place="their own process", open=_open_serial)

_PROCESSES = PoolKind(
    keyword="processes",
    place="processes of this machine",
    open=_open_processes,
    forks=True,
    takes_gpus=False,  # none of them knows which GPU is free
)

_RAY_CLUSTER = ClusterKind(
    name="Ray",
    distribution="ray",
    run_here=_run_ray_here,
    inspect=_inspect_ray,
    node_facts=_ray_node_facts,
    fullest_disk=0.95,  # there it refuses to create objects
    set_cpus="ray start --num-cpus",
    ask_for_token="set RAY_AUTH_MODE=token on every node and for the driver",
)
_RAY = PoolKind(
    keyword="local",
    scheme="ray",
    place="a Ray cluster",
    open=_open_ray,
    cluster=_RAY_CLUSTER,
)

KINDS = (_SERIAL, _PROCESSES, _RAY)
DEFAULT_CLUSTER = _RAY_CLUSTER


def kind_at(address: str | None, *, gpus: float = 0.0) -> tuple[PoolKind, str | None]:
    """The kind that an address is of, and where such a pool is; None: on this machine alone.

    Where none is given, segments are trained in processes; those that take gpus, on a cluster of
    this machine, which knows which GPU is free.
    """
    if address is None:
        return (_RAY if gpus else _PROCESSES), None
    for kind in KINDS:
        if address == kind.keyword:
            return kind, None
        if kind.scheme is not None and address.startswith(f"{kind.scheme}://"):
            return kind, address
    return _RAY, address  # such as head:6379, which has no scheme: it is Ray's to understand


def shared_kind_at(address: str | None) -> tuple[PoolKind, str | None]:
    """The same for a pool that several studies share: where no address is given, it is a cluster of
    this machine."""
    return (_RAY, None) if address is None else kind_at(address)


def cluster_distributions() -> tuple[str, ...]:
    """The packages of the clusters that studies can be trained on."""
    return tuple(kind.cluster.distribution for kind in KINDS if kind.cluster is not None)
