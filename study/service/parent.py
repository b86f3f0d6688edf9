"""The pipe from the service to the process of a study: instructions, a word to stop, and its end.

The service holds the other end. However the service dies, the pipe then ends, and so does the
study's process: the study is another service's to take.
"""

import os
import threading
from collections.abc import Callable

from study.errors import ExitCode

LEAVE_SECONDS = 5.0
"""How long a study's process may take to put its running trials back."""

STOP = b"stop\n"


def read_line(pipe: int) -> bytes:
    """The next line, b"" at the end of the pipe; byte by byte: what follows stays in it."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(pipe, 1)
        if not byte:
            return b""
        line += byte
    return line


def heed(pipe: int, stop: Callable[[], None]) -> None:
    """Call stop, from a thread, when the service says so or is gone; leave for good when it is
    gone and stop does not help in time."""

    def listen() -> None:
        while (line := read_line(pipe)) not in (STOP, b""):
            pass
        stop()
        if line == STOP:
            read_line(pipe)  # the service waits, and kills, unless it dies itself
        leave = threading.Timer(LEAVE_SECONDS, os._exit, [ExitCode.INTERRUPTED])
        leave.daemon = True
        leave.start()

    threading.Thread(target=listen, name="parent", daemon=True).start()
