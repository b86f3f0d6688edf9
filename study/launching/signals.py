"""Ctrl-C and SIGTERM: before a study runs they interrupt the program; while it runs the first stops
it cleanly, the second leaves at once."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from study.errors import ExitCode

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# How long a program that was asked to leave may take to put things in order.
EXIT_SECONDS = 4.5


class Interrupts:
    """A handler that raises KeyboardInterrupt, for SIGTERM too, and keeps what it received: a
    library that starts just then, such as a cluster's, may swallow the exception."""

    def __init__(self) -> None:
        self.received: list[int] = []

    def __call__(self, number: int, _frame: FrameType | None) -> NoReturn:
        """Keep the signal's number and raise KeyboardInterrupt."""
        self.received.append(number)
        raise KeyboardInterrupt


def interrupting_on_signals() -> Interrupts:
    """From now on each signal interrupts the program, until a study runs and stops by itself. One
    that whoever started us ignores stays ignored."""
    interrupts = Interrupts()
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupts)
    return interrupts


@contextmanager
def exiting_in_time() -> Iterator[None]:
    """Leave the process for good EXIT_SECONDS after the first signal, whatever holds it: a library
    that swallows the interrupt while it starts, a database that takes no answer. What is lost is
    what a kill loses: nothing that is in the database.

    Only for the command, whose process it ends, and from the main thread.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # Python's condition for the descriptor
    kept = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(
        target=_exit_after_signal, args=(reading,), name="leaving", daemon=True
    ).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(kept)
        os.close(writing)


def _exit_after_signal(pipe: int) -> None:
    """Python writes every signal's number into the pipe, also while its main thread is busy."""
    while received := os.read(pipe, 1):
        if received[0] in SIGNALS:
            time.sleep(EXIT_SECONDS)
            os.write(2, b"study: interrupted; what was running runs again at the next launch\n")
            os._exit(ExitCode.INTERRUPTED)
    os.close(pipe)


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call stop at the first signal; outside the main thread, where Python allows no handlers,
    the program that called us keeps its own.

    Raises:
        KeyboardInterrupt: the first signal came before, and was swallowed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            os._exit(ExitCode.INTERRUPTED)
        stop()

    kept = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        if any(isinstance(handler, Interrupts) and handler.received for handler in kept.values()):
            raise KeyboardInterrupt
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
