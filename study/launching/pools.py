"""Where a study's segments are trained: on a Ray cluster, in processes of this machine, or here."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from study.errors import InvalidInput

if TYPE_CHECKING:
    from study.monitoring.progress import Progress
    from workers.data import Dataset
    from workers.pools.pool import Pool
    from workers.pools.worker_processes import ForkServer

# In this very process; on a Ray cluster of this machine's cores that ends with the study.
SERIAL, LOCAL = "serial", "local"


def takes_processes(ray: str | None, gpus: float) -> bool:
    """Whether a study is trained in processes of this machine: where no cluster is named. It is
    Ray that knows which GPU is free."""
    return ray is None and gpus == 0


@contextmanager
def early_workers(ray: str | None, gpus: float) -> "Iterator[ForkServer | None]":
    """Let worker processes begin to import what they need, if there will be any, while this one
    does so too; they end with the block."""
    if not takes_processes(ray, gpus):
        yield None
        return
    from workers.pools.worker_processes import ForkServer

    server = ForkServer()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def shared_cluster(ray: str | None) -> Iterator[str]:
    """The address of a cluster for several processes: the given one, or one of this machine's
    cores that ends with the block.

    Raises:
        InvalidInput: it does not start.
    """
    if ray not in (None, LOCAL):
        yield ray
        return
    from workers.pools.ray_cluster import ClusterUnreachable, local_cluster

    with ExitStack() as stack:
        try:
            address = stack.enter_context(local_cluster())
        except ClusterUnreachable as error:
            raise InvalidInput(f"{error}; give --ray ADDRESS of a running cluster") from None
        yield address


@contextmanager
def open_pool(
    dataset: "Dataset",
    *,
    ray: str | None,
    gpus: float,
    progress: "Progress",
    workers: "ForkServer | None" = None,
) -> "Iterator[Pool]":
    """The pool at the address, closed at the end.

    None: processes of this machine, forked by workers where those have begun; with gpus a Ray
    cluster of this machine's cores, like LOCAL.

    Raises:
        InvalidInput: no cluster answers, or one of our own could never run a task.
    """
    if ray == SERIAL:
        from workers.pools.serial import SerialPool

        yield SerialPool(dataset)
        return
    if takes_processes(ray, gpus):
        from workers.pools.processes import ProcessPool
        from workers.pools.worker_processes import WorkersUnavailable

        processes = ProcessPool(dataset, server=workers)
        try:
            yield processes
        except WorkersUnavailable as error:
            raise InvalidInput(f"{error}; --ray serial trains without them") from None
        finally:
            processes.close()
        return
    from workers.pools.ray_cluster import ClusterUnreachable, RayPool, TokenRefused

    address = None if ray == LOCAL else ray
    progress.write_line("starting Ray" if address is None else f"connecting to Ray at {address}")
    try:
        pool = RayPool(dataset, address=address, gpus=gpus)
    except TokenRefused as error:
        raise InvalidInput(str(error)) from None
    except ClusterUnreachable as error:
        raise InvalidInput(f"{error}; give --ray ADDRESS of a running cluster") from None
    try:
        if address is None and pool.slots() == 0:
            raise InvalidInput(f"resources.gpus: found {gpus:g}, more than this machine has")
        yield pool
    finally:
        pool.close()
