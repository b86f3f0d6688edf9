"""The pool that a study's segments are trained in, opened where its cluster's address says."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from study.errors import InvalidInput
from workers.pools.kinds import PoolRequest, kind_at, shared_kind_at
from workers.pools.pool import (
    ClusterUnreachable,
    PoolUnavailable,
    TokenRefused,
    WorkersUnavailable,
)

if TYPE_CHECKING:
    from study.monitoring.progress import Progress
    from workers.data import Dataset
    from workers.pools.pool import Pool
    from workers.pools.worker_processes import ForkServer


@contextmanager
def early_workers(address: str | None, gpus: float) -> "Iterator[ForkServer | None]":
    """Let worker processes begin to import what they need, if there will be any, while this one
    does so too; they end with the block."""
    kind, _ = kind_at(address, gpus=gpus)
    if not kind.forks:
        yield None
        return
    from workers.pools.worker_processes import ForkServer

    with _refused():
        server = ForkServer()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def shared_cluster(address: str | None) -> Iterator[str]:
    """The address that several processes are to give to open_pool: the given one, or that of a
    cluster of this machine, which ends with the block.

    Raises:
        InvalidInput: it does not start.
    """
    kind, place = shared_kind_at(address)
    if kind.cluster is None or place is not None:
        yield place or kind.keyword
        return
    with ExitStack() as stack:
        with _refused():
            started = stack.enter_context(kind.cluster.run_here())
        yield started


def training_at(address: str) -> str:
    """Where studies are trained that are given this address, for a person: "on Ray at HOST"."""
    kind, _ = kind_at(address)
    return f"in {kind.place}" if kind.cluster is None else f"on {kind.cluster.name} at {address}"


@contextmanager
def open_pool(
    dataset: "Dataset",
    *,
    address: str | None,
    gpus: float,
    progress: "Progress",
    workers: "ForkServer | None" = None,
) -> "Iterator[Pool]":
    """The pool at the address, closed at the end; see workers.pools.kinds for the addresses.

    gpus is the share of a GPU that a segment takes; workers are worker processes that have begun
    to start. What befalls an open pool is its own to say, by PoolUnavailable.

    Raises:
        InvalidInput: it cannot be opened, or could never train a segment.
    """
    pool = _opened(dataset, address, gpus, progress, workers)
    try:
        if pool.cluster is None and pool.slots() == 0:
            raise InvalidInput(f"resources.gpus: found {gpus:g}, more than this machine has")
        yield pool
    finally:
        pool.close()


def _opened(
    dataset: "Dataset",
    address: str | None,
    gpus: float,
    progress: "Progress",
    workers: "ForkServer | None",
) -> "Pool":
    kind, place = kind_at(address, gpus=gpus)
    if gpus and not kind.takes_gpus:
        raise InvalidInput(
            f"resources.gpus: found {gpus:g}; {kind.place} cannot take GPUs: leave out --cluster "
            f"{kind.keyword}"
        )
    if kind.cluster is not None:
        name = kind.cluster.name
        progress.write_line(
            f"starting {name}" if place is None else f"connecting to {name} at {place}"
        )
    with _refused():
        return kind.open(PoolRequest(dataset=dataset, address=place, gpus=gpus, workers=workers))


@contextmanager
def _refused() -> Iterator[None]:
    """A pool that cannot be opened is an address to be changed."""
    try:
        yield
    except PoolUnavailable as error:
        raise InvalidInput(f"{error}{_instead(error)}") from None


def _instead(error: PoolUnavailable) -> str:
    match error:
        case TokenRefused():  # which says itself what to set
            return ""
        case ClusterUnreachable():
            return f"; {error.remedy}"
        case WorkersUnavailable():
            return "; --cluster serial trains without them"
    return ""
