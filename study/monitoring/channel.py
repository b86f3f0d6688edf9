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

from study.monitoring.event import Event
from study.monitoring.events import KINDS
from study.monitoring.progress import Snapshot

# How long a child waits for a parent that does not read, before it sends it nothing more.
PATIENCE_SECONDS = 2.0


class EventSender:
    """A study's progress as lines through a socket, whose descriptor this process inherited."""

    def __init__(self, descriptor: int) -> None:
        self._socket: socket.socket | None = socket.socket(fileno=descriptor)
        self._socket.settimeout(PATIENCE_SECONDS)
        self._lock = threading.Lock()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """The parent shows no display."""

    def write_line(self, line: str) -> None:
        """The parent counts events only."""

    def record_event(self, event: Event) -> None:
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
def event_channel(on_event: Callable[[Event], None], on_end: Callable[[], None]) -> Iterator[int]:
    """The descriptor for a child to inherit, open within the block, in which it is to be started.

    From then on a thread calls on_event with every event, and on_end once the child has gone.
    """
    ours, childs = socket.socketpair()
    childs.set_inheritable(True)
    try:
        yield childs.fileno()
    finally:
        childs.close()
        reader = threading.Thread(target=_read, args=(ours, on_event, on_end), name="events")
        reader.daemon = True
        reader.start()


def _read(
    ours: socket.socket, on_event: Callable[[Event], None], on_end: Callable[[], None]
) -> None:
    try:
        with ours, ours.makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                event = decode(line)
                if event is not None:
                    on_event(event)
    finally:
        on_end()


def decode(line: bytes) -> Event | None:
    """The event that the line is of; None for half a line of a child that was killed."""
    try:
        name, values = json.loads(line)
    except ValueError:
        return None
    kind = KINDS[name]
    known = {field.name: values.get(field.name) for field in fields(kind)}
    return kind(**{n: tuple(v) if isinstance(v, list) else v for n, v in known.items()})
