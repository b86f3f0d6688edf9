"""The process that worker processes are forked from: torch is imported once, here, for all of them.

    python -P -m workers.pools.fork_server FD

FD is its end of a stream socket. It is sent the data set, and then one byte a request:

    FORK            a worker, of which it sends back the process id and the end of a socket
    REAP, id        it waits for the end of that worker, and sends back its exit code

When the other end is closed, it kills its workers and ends. A worker takes a segment and its states
from its socket, trains, and sends what came of it, until that socket is closed.

It computes nothing itself, so it has no threads and may fork at any moment. Everything that goes
through these sockets comes from the program that started it.
"""

import contextlib
import gc
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

from workers.data import Dataset
from workers.pools.pool import in_one_line, kind_of
from workers.segment import Segment

FORK, REAP = b"F", b"R"
NUMBER = struct.Struct("!q")
# Where memory runs out, the kernel is to end a worker and not the coordinator.
OOM_SCORE = b"500"


def serve(control: socket.socket) -> None:
    """Answer requests until the other end is closed."""
    import_module("workers.training.train")  # what workers need, before they are forked
    link = Connection(os.dup(control.fileno()))
    forked: set[int] = set()
    try:
        dataset = link.recv()
        gc.collect()
        gc.freeze()  # pages that no collection touches stay shared with the workers
        while request := control.recv(1):
            if request == FORK:
                worker, end = _fork(dataset, control, link)
                forked.add(worker)
                socket.send_fds(control, [NUMBER.pack(worker)], [end.fileno()])
                end.close()
            else:
                worker = NUMBER.unpack(control.recv(NUMBER.size, socket.MSG_WAITALL))[0]
                _, status = os.waitpid(worker, 0)
                forked.discard(worker)
                control.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))
    except (EOFError, ConnectionError, struct.error):
        pass  # the program that started us is gone, perhaps in the middle of a request
    finally:
        for worker in forked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


def _fork(dataset: Dataset, control: socket.socket, link: Connection) -> tuple[int, socket.socket]:
    ours, theirs = socket.socketpair()
    worker = os.fork()
    if worker:
        theirs.close()
        return worker, ours
    # The worker, which must never come back from here.
    code = 1
    try:
        ours.close()
        control.close()
        link.close()
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_bytes(OOM_SCORE)
            Path("/proc/self/comm").write_bytes(b"study-worker")
        work(Connection(theirs.detach()), dataset)
        code = 0
    finally:
        os._exit(code)


def work(link: Connection, dataset: Dataset) -> None:
    """Train what comes until the other end is closed.

    After a report comes the state of its trials as bytes, none where no epoch is left to train.
    """
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            segment, states = link.recv(), link.recv()
            outcome, state = train(segment, dataset, states)
            link.send(outcome)
            if state is not None:
                going_on = segment.last_epoch < segment.settings.epochs
                link.send_bytes(ForkingPickler.dumps(state) if going_on else b"")


def train(segment: Segment, dataset: Dataset, states: Sequence[bytes]) -> tuple[Any, Any]:
    """The report and the state; or what kind of failure it was, why in one line, and None."""
    from workers.training.train import train_segment

    try:
        return train_segment(segment, dataset, [ForkingPickler.loads(state) for state in states])
    except Exception as error:  # noqa: BLE001  whatever it is, it is this segment's outcome
        return (kind_of(error), in_one_line(error)), None


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us decides
    serve(socket.socket(fileno=int(sys.argv[1])))
