"""Segments as tasks of a Ray cluster: the one module that knows Ray."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

# Read by Ray at its import. Usage statistics leave the machine only where a user asks for it.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
# A task that fails does so twice, in its report and in its state. We hear of the report; of the
# state, for which nobody asks, Ray would print a trace.
os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")

import ray
from ray.exceptions import (
    AuthenticationError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    OwnerDiedError,
    RayError,
    RayTaskError,
    TaskUnschedulableError,
    WorkerCrashedError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from workers.data import Dataset
from workers.pools import node_facts
from workers.pools.pool import (
    Completion,
    Done,
    Failed,
    FailureKind,
    StateHandle,
    in_one_line,
    kind_of,
)
from workers.pools.ray_token import keep_token_private
from workers.segment import Segment, SegmentReport

# A node that answers has to start a worker and import torch first.
ANSWER_SECONDS = 90.0


class ClusterUnreachable(Exception):
    """No Ray cluster answers at the address; str() is one line."""


class TokenRefused(ClusterUnreachable):
    """A cluster answers, and wants a token that this process does not have."""


def _train(segment: Segment, dataset: Dataset, *states: Any) -> tuple[SegmentReport, Any]:
    from workers.training.train import train_segment

    return train_segment(segment, dataset, states)


class RayPool:
    """Trains each segment in a Ray task of one CPU thread, and gpus of a GPU.

    address None starts a cluster of this machine's cores that ends with the pool; any other
    address joins a running one. close() leaves a joined cluster as it was.
    """

    in_foreground = False

    def __init__(self, dataset: Dataset, *, address: str | None = None, gpus: float = 0.0) -> None:
        with _own_signals():
            _connect(address)
        self.cluster: str | None = None if address is None else _cluster_name()
        self._gpus = gpus
        self._dataset = ray.put(dataset)
        # A GPU task keeps its process (max_calls=0): importing torch again costs seconds.
        self._task = ray.remote(
            num_cpus=1, num_gpus=gpus, num_returns=2, max_retries=0, max_calls=0
        )(_train)
        self._running: dict[Any, tuple[int, Any]] = {}  # report's reference → ticket, state's
        self._tickets = 0

    def slots(self) -> int:
        """As many tasks as the cluster's CPUs and GPUs hold together."""
        resources = ray.cluster_resources()
        slots = int(resources.get("CPU", 0))
        if self._gpus:
            slots = min(slots, int(resources.get("GPU", 0) / self._gpus))
        return slots

    def submit(self, segment: Segment, states: Sequence[StateHandle] = ()) -> int:
        """Start the task; Ray runs it as soon as a CPU is free."""
        self._tickets += 1
        report, state = self._task.remote(segment, self._dataset, *states)
        self._running[report] = (self._tickets, state)
        return self._tickets

    def collect(self, timeout: float) -> Sequence[Completion]:
        """The reports that have arrived; the states stay where they were made."""
        if not self._running:
            return ()
        references = list(self._running)
        ready, _ = ray.wait(references, num_returns=1, timeout=timeout)
        if ready:
            ready, _ = ray.wait(references, num_returns=len(references), timeout=0)
        return tuple(self._completion(reference) for reference in ready)

    def cancel(self, tickets: Sequence[int]) -> None:
        """Kill the tasks' processes."""
        cancelled = frozenset(tickets)
        for reference, (ticket, _) in list(self._running.items()):
            if ticket in cancelled:
                del self._running[reference]
                ray.cancel(reference, force=True)

    def close(self) -> None:
        """End what still runs and disconnect; a cluster of our own ends here."""
        with contextlib.suppress(RayError):
            self.cancel([ticket for ticket, _ in self._running.values()])
        ray.shutdown()

    def _completion(self, reference: Any) -> Completion:
        ticket, state = self._running.pop(reference)
        try:
            return Done(ticket, ray.get(reference), state)
        except RayError as error:
            return Failed(ticket, _kind(error), _reason(error))


@contextlib.contextmanager
def local_cluster() -> Iterator[str]:
    """Start a cluster of this machine's cores; its address, for processes of this machine.

    It ends with the block, or with this process. Raises ClusterUnreachable.
    """
    with _own_signals():
        _connect(None)
    try:
        yield ray.get_runtime_context().gcs_address
    finally:
        ray.shutdown()


def inspect_cluster(address: str | None) -> node_facts.ClusterFacts:
    """What the cluster at address is like, and each node of it; None: one of our own, for so long.

    Raises:
        ClusterUnreachable: nothing answers there.
    """
    with _own_signals():
        _connect(address)
    try:
        resources = ray.cluster_resources()
        alive = [node for node in ray.nodes() if node["Alive"]]
        return node_facts.ClusterFacts(
            nodes=_answers({node["NodeID"]: node["NodeManagerAddress"] for node in alive}),
            cpus=resources.get("CPU", 0.0),
            gpus=resources.get("GPU", 0.0),
            memory=resources.get("memory", 0.0),
            object_store=resources.get("object_store_memory", 0.0),
        )
    finally:
        ray.shutdown()


def _answers(nodes: dict[str, str]) -> tuple[node_facts.NodeAnswer, ...]:
    """The answers of the nodes, by their id; the first call wakes a worker, the second is quick."""
    facts = {node: _task_on(node, node_facts.gather_node_facts).remote() for node in nodes}
    return tuple(_answer(node, address, facts[node]) for node, address in nodes.items())


def _answer(node: str, address: str, facts: Any) -> node_facts.NodeAnswer:
    try:
        known = ray.get(facts, timeout=ANSWER_SECONDS)
        before = node_facts.clock()
        theirs = ray.get(_task_on(node, node_facts.clock).remote(), timeout=ANSWER_SECONDS)
        half = (node_facts.clock() - before) / 2
    except RayError as error:
        return node_facts.NodeAnswer(address, None, _reason(error))
    return node_facts.NodeAnswer(address, known, "", theirs - before - half, half)


def _task_on(node: str, function: Any) -> Any:
    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    task: Any = ray.remote(function)
    return task.options(num_cpus=0, max_retries=0, scheduling_strategy=strategy)


def _connect(address: str | None) -> None:
    """Join the cluster at address, or start one of our own.

    Raises:
        ClusterUnreachable: nothing answers there, or (TokenRefused) our token is not the cluster's.
    """
    quiet: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": "ERROR",
        "ignore_reinit_error": True,
    }
    try:
        if address is None:
            keep_token_private()
            with _without("RAY_ADDRESS"):
                # Without "local" Ray would join any cluster that it finds on this machine.
                ray.init(address="local", include_dashboard=False, **quiet)
        else:
            _knock(address)
            ray.init(address=address, **quiet)
    except Exception as error:  # noqa: BLE001  Ray raises bare Exceptions where a node does not start
        where = f"Ray at {address or 'this machine'}"
        if _wants_another_token(error):
            raise TokenRefused(
                f"{where}: the token is missing or wrong; set RAY_AUTH_MODE=token and "
                "RAY_AUTH_TOKEN_PATH to a file with the cluster's token"
            ) from None
        reason = " ".join(str(error).split())[:200]
        raise ClusterUnreachable(f"{where}: {reason}") from None


def _wants_another_token(error: Exception) -> bool:
    # Ray tries for a while, and then hides the reason in the text of what caused a ConnectionError.
    return isinstance(error, AuthenticationError) or "AuthenticationError" in str(error.__cause__)


def _cluster_name() -> str:
    """The name of the cluster that this program has joined: the id of its head node."""
    heads = [node for node in ray.nodes() if "node:__internal_head__" in node["Resources"]]
    return "ray:" + str(heads[0]["NodeID"]) if heads else "ray"


def _knock(address: str) -> None:
    """OSError where nothing listens at HOST:PORT: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the program's answer to SIGTERM: Ray puts its own in place, which exits."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


@contextlib.contextmanager
def _without(variable: str) -> Iterator[None]:
    kept = os.environ.pop(variable, None)
    try:
        yield
    finally:
        if kept is not None:
            os.environ[variable] = kept


def _kind(error: RayError) -> FailureKind:
    if isinstance(error, OutOfMemoryError):
        return FailureKind.OUT_OF_MEMORY
    if isinstance(error, RayTaskError):
        # A state that is gone is told as an error of the task that was to begin with it.
        return _kind(error.cause) if isinstance(error.cause, RayError) else kind_of(error.cause)
    if isinstance(error, OwnerDiedError | ObjectLostError):
        return FailureKind.STATE_LOST
    if isinstance(error, WorkerCrashedError | NodeDiedError):
        return FailureKind.WORKER_LOST
    return (
        FailureKind.ERROR if isinstance(error, TaskUnschedulableError) else FailureKind.WORKER_LOST
    )


def _reason(error: RayError) -> str:
    cause = error.cause if isinstance(error, RayTaskError) else error
    return in_one_line(cause)
