"""What the program that calls us has set in its process: our work does not meet it, nor change it.

Libraries change it at their import and at their start, as a cluster's does. Light to import: what
is loaded within counts as changed there.
"""

import faulthandler
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def default_arithmetic() -> Iterator[None]:
    """In this thread, NumPy's own treatment of floating-point errors, where the caller may have it
    raise, and torch's own device, the CPU."""
    import numpy as np

    with (
        np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
        ExitStack() as stack,
    ):
        stack.callback(_use_torchs_own_device())
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Default arithmetic within; afterwards all that libraries change in the process is as it was.

    In another thread than the main one, only what belongs to that thread: of the rest, others may
    have changed something meanwhile.
    """
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            stack.enter_context(warnings.catch_warnings())
            for keep in (_environment, _folder, _signals, _loggers, _hooks, _random_states):
                stack.callback(keep())
        stack.enter_context(default_arithmetic())
        yield


def _use_torchs_own_device() -> Callable[[], None]:
    torch = sys.modules.get("torch")
    if torch is None or torch.get_default_device().type == "cpu":
        return lambda: None  # unused so far, or as it comes
    device = torch.get_default_device()
    torch.set_default_device(None)
    return lambda: torch.set_default_device(device)


# Each notes something now, and returns what puts it back.


def _environment() -> Callable[[], None]:
    kept = dict(os.environ)

    def put_back() -> None:
        for name in os.environ.keys() - kept.keys():
            del os.environ[name]
        for name, value in kept.items():
            if os.environ.get(name) != value:
                os.environ[name] = value

    return put_back


def _folder() -> Callable[[], None]:
    try:
        kept = os.getcwd()  # noqa: PTH109  also where its name is not text
    except OSError:  # it was removed
        return lambda: None
    return lambda: os.chdir(kept)


def _signals() -> Callable[[], None]:
    kept = {number: signal.getsignal(number) for number in signal.valid_signals()}

    def put_back() -> None:
        for number, handler in kept.items():
            # None: it is not Python's, who can then not set it either.
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)

    return put_back


def _loggers() -> Callable[[], None]:
    known = [logging.root, *logging.root.manager.loggerDict.values()]
    kept = [
        (logger, logger.level, logger.propagate, logger.disabled, list(logger.handlers))
        for logger in known
        if isinstance(logger, logging.Logger)
    ]

    def put_back() -> None:
        for logger, level, propagate, disabled, handlers in kept:
            if logger.level != level:
                logger.setLevel(level)
            logger.propagate, logger.disabled, logger.handlers = propagate, disabled, handlers

    return put_back


def _hooks() -> Callable[[], None]:
    kept = sys.excepthook, threading.excepthook
    shows_faults = faulthandler.is_enabled()

    def put_back() -> None:
        sys.excepthook, threading.excepthook = kept
        if not shows_faults:
            faulthandler.disable()

    return put_back


def _random_states() -> Callable[[], None]:
    """Of those libraries that the caller has loaded: it has drawn from no others."""
    pythons = random.getstate()
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    numpys, torchs = numpy and numpy.random.get_state(), torch and torch.get_rng_state()

    def put_back() -> None:
        random.setstate(pythons)
        if numpy is not None:
            numpy.random.set_state(numpys)
        if torch is not None:
            torch.set_rng_state(torchs)

    return put_back
