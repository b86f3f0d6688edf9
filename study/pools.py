"""Where a study's segments are trained: on a Ray cluster, or in this process."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from study.errors import InvalidInput
from study.progress import Progress
from workers.data import Dataset
from workers.pool import Pool

SERIAL = "serial"


@contextmanager
def shared_cluster(ray: str | None) -> Iterator[str]:
    """The address of a cluster for several processes: the given one, or one of this machine's
    cores that ends with the block.

    Raises:
        InvalidInput: it does not start.
    """
    if ray is not None:
        yield ray
        return
    from workers.ray_pool import ClusterUnreachable, local_cluster

    with ExitStack() as stack:
        try:
            address = stack.enter_context(local_cluster())
        except ClusterUnreachable as error:
            raise InvalidInput(f"{error}; give --ray ADDRESS of a running cluster") from None
        yield address


@contextmanager
def open_pool(
    dataset: Dataset, *, ray: str | None, gpus: float, progress: Progress
) -> Iterator[Pool]:
    """The pool at the address, closed at the end; None: a cluster of this machine's cores.

    Raises:
        InvalidInput: no cluster answers, or one of our own could never run a task.
    """
    if ray == SERIAL:
        from workers.serial_pool import SerialPool

        yield SerialPool(dataset)
        return
    from workers.ray_pool import ClusterUnreachable, RayPool, TokenRefused

    progress.note("starting Ray" if ray is None else f"connecting to Ray at {ray}")
    try:
        pool = RayPool(dataset, address=ray, gpus=gpus)
    except TokenRefused as error:
        raise InvalidInput(str(error)) from None
    except ClusterUnreachable as error:
        raise InvalidInput(f"{error}; give --ray ADDRESS of a running cluster") from None
    try:
        if ray is None and pool.slots() == 0:
            raise InvalidInput(f"resources.gpus: found {gpus:g}, more than this machine has")
        yield pool
    finally:
        pool.close()
