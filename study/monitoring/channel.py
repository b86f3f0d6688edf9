"""Events from the processes that run studies to the one that serves them.

A pair of connected sockets for every child: it writes a line of JSON an event, a thread of the
parent reads them. A child that dies closes its end; a parent that is gone or does not read costs
the child its metrics and nothing else.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Self

from study.monitoring.events import KINDS, Event
from study.monitoring.progress import Snapshot

# How long a child waits for a parent that does not read, before it gives up telling it.
PATIENCE_SECONDS = 2.0


class EventSender:
    """A study's progress as lines through a socket, whose descriptor this process inherited."""

    def __init__(self, descriptor: int) -> None:
        self._socket: socket.socket | None = socket.socket(fileno=descriptor)
        self._socket.settimeout(PATIENCE_SECONDS)
        self._lock = threading.Lock()

    def show(self, snapshot: Snapshot) -> None:
        """The parent shows no display."""

    def note(self, line: str) -> None:
        """The parent counts events only."""

    def tell(self, event: Event) -> None:
        """Send the event."""
        line = json.dumps([event.name, event.fields]) + "\n"
        with self._lock:
            if self._socket is None:
                return
            try:
                self._socket.sendall(line.encode())
            except OSError:
                self._socket.close()
                self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None


@contextlib.contextmanager
def event_channel(hear: Callable[[Event], None], ended: Callable[[], None]) -> Iterator[int]:
    """The descriptor for a child to inherit, open within the block, in which it is to be started.

    From then on a thread calls hear with every event, and ended once the child has gone.
    """
    ours, childs = socket.socketpair()
    childs.set_inheritable(True)
    try:
        yield childs.fileno()
    finally:
        childs.close()
        reader = threading.Thread(target=_read, args=(ours, hear, ended), name="events")
        reader.daemon = True
        reader.start()


def _read(ours: socket.socket, hear: Callable[[Event], None], ended: Callable[[], None]) -> None:
    try:
        with ours, ours.makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                event = decode(line)
                if event is not None:
                    hear(event)
    finally:
        ended()


def decode(line: bytes) -> Event | None:
    """The event that the line is of; None for half a line of a child that was killed."""
    try:
        name, values = json.loads(line)
    except ValueError:
        return None
    kind = KINDS[name]
    known = {field.name: values.get(field.name) for field in fields(kind)}
    return kind(**{n: tuple(v) if isinstance(v, list) else v for n, v in known.items()})
