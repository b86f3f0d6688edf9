"""What a program has set in its process does not reach our work, and is as it was after it."""

import faulthandler
import logging
import os
import random
import signal
import sys
import threading
import warnings

import numpy as np
import pytest
import torch

from workers.calling_program import default_arithmetic, undisturbed


def state():
    """All that undisturbed() keeps, to be compared."""
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109
        "signals": {
            number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)
        },
        "log": (logging.root.level, list(logging.root.handlers), logging.getLogger("known").level),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "hooks": (sys.excepthook, threading.excepthook),
        "random": random.getstate(),
        "NumPy's random": np.random.get_state()[1].tolist(),
        "torch's random": torch.get_rng_state().tolist(),
        "NumPy's errors": np.geterr(),
        "device": str(torch.get_default_device()),
    }


def disturb(folder):
    """What libraries do at their import and start."""
    os.environ["LIBRARY_MODE"] = "on"
    del os.environ["KEPT"]
    os.chdir(folder)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.getLogger("known").setLevel(logging.ERROR)
    logging.root.addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    sys.excepthook = threading.excepthook = print
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    np.seterr(all="ignore")


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    monkeypatch.setenv("KEPT", "as it was")
    logging.getLogger("known").setLevel(logging.INFO)


def test_whatever_is_changed_within_is_as_it_was(tmp_path):
    before = state()
    with undisturbed():
        disturb(tmp_path)
        assert state() != before
    assert state() == before


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_also_where_the_work_ends_with_an_error(tmp_path, error):
    before = state()

    @undisturbed()
    def work():
        disturb(tmp_path)
        raise error

    with pytest.raises(error):
        work()
    assert state() == before


def test_what_shows_faults_stays_off():
    shown = faulthandler.is_enabled()
    faulthandler.disable()
    try:
        with undisturbed():
            faulthandler.enable()
        assert not faulthandler.is_enabled()
    finally:
        if shown:
            faulthandler.enable()


def test_a_caller_who_has_errors_raised_and_tensors_elsewhere_does_not_stop_us():
    with np.errstate(all="raise"):
        torch.set_default_device("meta")
        try:
            with default_arithmetic():
                assert np.exp(np.float64(-1000.0)) == 0.0
                assert torch.zeros(1).device.type == "cpu"
            assert np.geterr()["under"] == "raise"
            assert torch.zeros(1).device.type == "meta"
        finally:
            torch.set_default_device(None)


def test_in_another_thread_the_process_is_left_to_the_others():
    entered, changed = threading.Event(), threading.Event()

    def work():
        with undisturbed():
            entered.set()
            changed.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    entered.wait(10)
    os.environ["KEPT"] = "changed by the program meanwhile"
    changed.set()
    thread.join()
    assert os.environ["KEPT"] == "changed by the program meanwhile"
