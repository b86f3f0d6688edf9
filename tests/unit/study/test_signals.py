"""Signals, sent to this very process."""

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from study.launching.signals import SIGNALS, interrupting_on_signals, stopping_on_signals


@pytest.fixture(autouse=True)
def _handlers_are_put_back() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_before_a_study_interrupts(number):
    interrupts = interrupting_on_signals()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)
    assert interrupts.received == [number]


def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert interrupting_on_signals().received == []
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_a_study_runs_asks_it_to_stop(number):
    interrupts = interrupting_on_signals()
    asked: list[str] = []
    with stopping_on_signals(lambda: asked.append("stop")):
        os.kill(os.getpid(), number)
    assert asked == ["stop"]
    assert interrupts.received == []
    assert signal.getsignal(number) is interrupts


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_that_a_library_swallowed_keeps_a_study_from_beginning(number):
    interrupts = interrupting_on_signals()
    with contextlib.suppress(KeyboardInterrupt):
        os.kill(os.getpid(), number)
    begun = False
    with pytest.raises(KeyboardInterrupt), stopping_on_signals(lambda: None):
        begun = True
    assert not begun
    assert signal.getsignal(number) is interrupts
