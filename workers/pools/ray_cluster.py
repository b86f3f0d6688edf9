"""Segments as tasks of a Ray cluster."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from workers.pools.ray_node import GIVE_TOKEN, ray_node_facts, remedy_for, unset_variables

os.environ.update(unset_variables())  # read by Ray at its import

import ray
from ray.exceptions import AuthenticationError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from workers.data import Dataset
from workers.pools import node_facts
from workers.pools.pool import (
    ClusterUnreachable,
    Completion,
    Done,
    Failed,
    StateHandle,
    TokenRefused,
    in_one_line,
)
from workers.pools.ray_errors import failure_kind, failure_reason
from workers.pools.ray_token import keep_token_private
from workers.pools.worker_processes import usable_cpus
from workers.segment import Segment, SegmentReport

# A node that answers has to start a worker and import torch first.
ANSWER_SECONDS = 90.0
SECONDS_BETWEEN_LOOKS = 1.0
# Ray's setting for how long it waits for a head, in seconds.
_RAY_WAITS = "RAY_gcs_rpc_server_reconnect_timeout_s"


def _train(segment: Segment, dataset: Dataset, *states: Any) -> tuple[SegmentReport, Any]:
    from workers.training.train import train_segment

    return train_segment(segment, dataset, states)


class RayPool:
    """Trains each segment in a Ray task of one CPU thread, and gpus of a GPU.

    address None starts a cluster of this machine's cores that ends with the pool; any other
    address joins a running one. A session that the program has already is used, and stays. close()
    leaves a joined cluster as it was.
    """

    in_foreground = False

    def __init__(self, dataset: Dataset, *, address: str | None = None, gpus: float = 0.0) -> None:
        with _keeping_sigterm():
            self._own_session = _connect(address)
        own_cluster = address is None and self._own_session
        self.cluster: str | None = None if own_cluster else _cluster_name()
        self._where = _described(address)
        self._head = _Head(address)
        self._gpus = gpus
        self._slots, self._slots_until = self._count_slots(), float("-inf")
        self._dataset = ray.put(dataset)
        # A GPU task keeps its process (max_calls=0): importing torch again costs seconds.
        self._task = ray.remote(
            num_cpus=1, num_gpus=gpus, num_returns=2, max_retries=0, max_calls=0
        )(_train)
        self._running: dict[Any, tuple[int, Any]] = {}  # report's reference → ticket, state's
        self._tickets = 0

    def slots(self) -> int:
        """As many tasks as the cluster's CPUs and GPUs hold together, as of a second ago.

        Raises ClusterUnreachable: its head is gone for good.
        """
        if time.monotonic() >= self._slots_until:
            # Without a head the call would block until Ray ends this process.
            if self._head.check():
                with self._as_unreachable():
                    self._slots = self._count_slots()
            self._slots_until = time.monotonic() + SECONDS_BETWEEN_LOOKS
        return self._slots

    def _count_slots(self) -> int:
        resources = ray.cluster_resources()
        slots = int(resources.get("CPU", 0))
        if self._gpus:
            slots = min(slots, int(resources.get("GPU", 0) / self._gpus))
        return slots

    def submit(self, segment: Segment, states: Sequence[StateHandle] = ()) -> int:
        """Start the task; Ray runs it as soon as a CPU is free. Raises ClusterUnreachable."""
        self._tickets += 1
        with self._as_unreachable():
            report, state = self._task.remote(segment, self._dataset, *states)
        self._running[report] = (self._tickets, state)
        return self._tickets

    def collect(self, timeout: float) -> Sequence[Completion]:
        """The reports that have arrived; the states stay where they were made.

        Raises ClusterUnreachable.
        """
        if not self._running:
            return ()
        references = list(self._running)
        with self._as_unreachable():
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
                with contextlib.suppress(RayError):  # then it has ended with its node
                    ray.cancel(reference, force=True)

    def close(self) -> None:
        """End what still runs and disconnect; a cluster of our own ends here."""
        self.cancel([ticket for ticket, _ in self._running.values()])
        # Without a head it would wait for it, and never come back.
        if self._own_session and self._head.is_there():
            ray.shutdown()

    @contextlib.contextmanager
    def _as_unreachable(self) -> Iterator[None]:
        """What Ray raises where the cluster itself is lost, and not one task."""
        try:
            yield
        except (RayError, ConnectionError) as error:
            raise ClusterUnreachable(f"{self._where}: {in_one_line(error)}") from error

    def _completion(self, reference: Any) -> Completion:
        ticket, state = self._running.pop(reference)
        try:
            return Done(ticket, ray.get(reference), state)
        except RayError as error:
            return Failed(ticket, failure_kind(error), failure_reason(error))


class _Head:
    """Whether the cluster's head is there.

    Ray waits for a head that is gone, and after a minute ends this process without a word. So a
    study that is to end in order must know before.
    """

    def __init__(self, address: str | None) -> None:
        self._where = _described(address)
        self._listens_at = _host_and_port(address or "") or _host_and_port(
            ray.get_runtime_context().gcs_address
        )
        self._patience = float(os.environ.get(_RAY_WAITS, "60")) / 2
        self._seen_at = time.monotonic()

    def is_there(self) -> bool:
        """Whether it listens."""
        try:
            if self._listens_at is not None:
                socket.create_connection(self._listens_at, timeout=1).close()
        except OSError:
            return False
        self._seen_at = time.monotonic()
        return True

    def check(self) -> bool:
        """As is_there. Raises ClusterUnreachable where it has been gone for half of Ray's time."""
        there = self.is_there()
        gone = time.monotonic() - self._seen_at
        if not there and gone > self._patience:
            raise ClusterUnreachable(f"{self._where}: its head has been gone for {gone:.0f} s")
        return there


@contextlib.contextmanager
def local_cluster() -> Iterator[str]:
    """Start a cluster of this machine's cores; its address, for processes of this machine.

    It ends with the block, or with this process. Raises ClusterUnreachable.
    """
    with _keeping_sigterm():
        own_session = _connect(None)
    try:
        yield ray.get_runtime_context().gcs_address
    finally:
        if own_session:
            ray.shutdown()


def inspect_cluster(address: str | None) -> node_facts.ClusterFacts:
    """What the cluster at address is like, and each node of it; None: one of our own, for so long.

    Raises:
        ClusterUnreachable: nothing answers there.
    """
    with _keeping_sigterm():
        own_session = _connect(address)
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
        if own_session:
            ray.shutdown()


def _answers(nodes: dict[str, str]) -> tuple[node_facts.NodeAnswer, ...]:
    """The answers of the nodes, by their id; the first call wakes a worker, the second is quick."""
    facts = {node: _task_on(node, ray_node_facts).remote() for node in nodes}
    return tuple(_answer(node, address, facts[node]) for node, address in nodes.items())


def _answer(node: str, address: str, facts: Any) -> node_facts.NodeAnswer:
    try:
        known = ray.get(facts, timeout=ANSWER_SECONDS)
        before = node_facts.clock()
        theirs = ray.get(_task_on(node, node_facts.clock).remote(), timeout=ANSWER_SECONDS)
        half = (node_facts.clock() - before) / 2
    except RayError as error:
        return node_facts.NodeAnswer(address, None, failure_reason(error))
    return node_facts.NodeAnswer(address, known, "", theirs - before - half, half)


def _task_on(node: str, function: Any) -> Any:
    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    task: Any = ray.remote(function)
    return task.options(num_cpus=0, max_retries=0, scheduling_strategy=strategy)


def _connect(address: str | None) -> bool:
    """Join the cluster at address, or start one of our own; whether the session is of our making,
    and not the program's, which had one.

    Raises:
        ClusterUnreachable: nothing answers there, or (TokenRefused) our token is not the cluster's.
    """
    if ray.is_initialized():
        _check_session(address)
        return False
    os.environ.update(unset_variables())  # which may be as before its import again
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is None:
            keep_token_private()
            with _without_variable("RAY_ADDRESS"):
                # Without "local" Ray would join any cluster that it finds on this machine.
                ray.init(address="local", num_cpus=usable_cpus(), include_dashboard=False, **quiet)
        else:
            _check_listening(address)
            ray.init(address=address, **quiet)
    except Exception as error:  # noqa: BLE001  Ray raises bare Exceptions where a node does not start
        where = _described(address)
        if _wants_another_token(error):
            raise TokenRefused(
                f"{where}: the token is missing or wrong; set RAY_AUTH_MODE=token and "
                "RAY_AUTH_TOKEN_PATH to a file with the cluster's token",
                remedy=GIVE_TOKEN,
            ) from None
        reason = " ".join(str(error).split())
        remedy = remedy_for(reason, starting=address is None)
        raise ClusterUnreachable(f"{where}: {reason[:200]}", remedy=remedy) from None
    return True


def _check_session(address: str | None) -> None:
    """Raises ClusterUnreachable where the session that the program has is of another cluster."""
    session = ray.get_runtime_context().gcs_address
    if address not in (None, "auto") and _resolved(address) != _resolved(session):
        raise ClusterUnreachable(
            f"this program has a Ray session already, at {session}",
            remedy=f"'local' trains in it; for the one at {address} call ray.shutdown() first",
        )


def _resolved(address: str) -> tuple[str, int] | str:
    """HOST:PORT in a form in which the names of one place are equal."""
    place = _host_and_port(address)
    if place is None:
        return address
    with contextlib.suppress(OSError):
        number = socket.gethostbyname(place[0])
        here = ray.util.get_node_ip_address() if number.startswith("127.") else number
        return here, place[1]
    return place


def _described(address: str | None) -> str:
    return f"Ray at {address or 'this machine'}"


def _wants_another_token(error: Exception) -> bool:
    # Ray tries for a while, and then hides the reason in the text of what caused a ConnectionError.
    return isinstance(error, AuthenticationError) or "AuthenticationError" in str(error.__cause__)


def _cluster_name() -> str:
    """The name of the cluster that this program has joined: the id of its head node."""
    heads = [node for node in ray.nodes() if "node:__internal_head__" in node["Resources"]]
    return "ray:" + str(heads[0]["NodeID"]) if heads else "ray"


def _check_listening(address: str) -> None:
    """OSError where nothing listens at HOST:PORT: Ray itself would try for minutes."""
    place = _host_and_port(address)
    if place is not None:
        socket.create_connection(place, timeout=10).close()


def _host_and_port(address: str) -> tuple[str, int] | None:
    """None: the address has another form, such as "auto"."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    return (host, int(port)) if host and port.isdecimal() else None


@contextlib.contextmanager
def _keeping_sigterm() -> Iterator[None]:
    """Keep the program's answer to SIGTERM: Ray puts its own in place, which exits."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


@contextlib.contextmanager
def _without_variable(variable: str) -> Iterator[None]:
    kept = os.environ.pop(variable, None)
    try:
        yield
    finally:
        if kept is not None:
            os.environ[variable] = kept
