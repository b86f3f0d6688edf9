"""Processes of this machine that die, hang or do not start: what becomes of their segments."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.test_pools import collected, segment
from workers.configuration import Configuration, TrainingSettings
from workers.data import DataSource, load_dataset
from workers.pools import processes, worker_processes
from workers.pools.pool import Done, Failed, FailureKind
from workers.pools.processes import ProcessPool
from workers.pools.worker_processes import ForkServer, WorkersUnavailable
from workers.segment import Segment, TrialWork

HOURS = 1_000_000  # epochs


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    opened = ProcessPool(load_dataset(DataSource("wine")), slots=2)
    yield opened
    opened.close()


def endless(trial: int) -> Segment:
    settings = TrainingSettings(epochs=HOURS, replicates=1)
    return Segment((TrialWork(trial, Configuration()),), settings, 0, 0, HOURS)


def processes_of(pool: ProcessPool, *, at_work: int) -> list[int]:
    """The ids of the worker processes, as soon as so many of them are training."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        pool.collect(0.05)
        if len(pool._busy) >= at_work:
            return [worker.process for worker in pool._busy]
    pytest.fail("no worker began to train")


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_worker_loses_its_segment_alone(pool: ProcessPool):
    lost, kept = pool.submit(endless(0)), pool.submit(endless(1))
    victim = next(w.process for w, order in pool._busy.items() if order.ticket == lost)
    os.kill(victim, signal.SIGKILL)
    failed = collected(pool, 1)[lost]
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.WORKER_LOST
    assert failed.reason == f"worker process {victim} was killed by SIGKILL"
    assert kept in {order.ticket for order in pool._busy.values()}


def test_another_worker_takes_the_place_of_a_killed_one(pool: ProcessPool):
    pool.submit(endless(0))
    os.kill(processes_of(pool, at_work=1)[0], signal.SIGKILL)
    collected(pool, 1)
    ticket = pool.submit(segment(0))
    assert isinstance(collected(pool, 1)[ticket], Done)


def test_a_worker_that_the_kernel_killed_for_memory_is_said_to_have_run_out_of_it(
    pool: ProcessPool, monkeypatch: pytest.MonkeyPatch
):
    pool.submit(endless(0))
    (process,) = processes_of(pool, at_work=1)
    monkeypatch.setattr(processes, "kernel_memory_kills", lambda: pool._memory_kills + 1)
    os.kill(process, signal.SIGKILL)
    (failed,) = collected(pool, 1).values()
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.OUT_OF_MEMORY


def test_the_end_of_the_process_that_forks_ends_its_workers_and_another_takes_over(
    pool: ProcessPool,
):
    tickets = {pool.submit(endless(0)), pool.submit(endless(1))}
    workers = processes_of(pool, at_work=2)
    os.kill(pool._server._process.pid, signal.SIGKILL)
    pool._server._process.wait()
    os.kill(workers[0], signal.SIGKILL)
    failures = collected(pool, 2)
    assert set(failures) == tickets
    assert {failure.kind for failure in failures.values()} == {FailureKind.WORKER_LOST}
    ticket = pool.submit(segment(0))
    assert isinstance(collected(pool, 1)[ticket], Done)


def test_a_cancelled_segment_frees_its_slot_though_it_hangs(pool: ProcessPool):
    hanging = [pool.submit(endless(trial)) for trial in range(2)]
    for process in processes_of(pool, at_work=2):
        os.kill(process, signal.SIGSTOP)
    pool.cancel(hanging)
    ticket = pool.submit(segment(0))
    assert set(collected(pool, 1)) == {ticket}


def test_closing_leaves_no_process_behind(pool: ProcessPool):
    for trial in range(3):  # one of them waits
        pool.submit(endless(trial))
    left = [*processes_of(pool, at_work=2), pool._server._process.pid]
    pool.close()
    deadline = time.monotonic() + 10
    while any(map(is_alive, left)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, left))


def test_what_the_processes_talk_through_has_no_name_and_no_port(pool: ProcessPool):
    """They send each other pickles, so nobody else may be able to connect."""
    pool.submit(endless(0))
    talking = [pool._server._process.pid, *processes_of(pool, at_work=1)]
    for process in map(psutil.Process, talking):
        connected = process.net_connections("all")
        assert connected  # it does have a socket
        assert {one.family for one in connected} == {socket.AF_UNIX}
        assert {one.laddr for one in connected} == {""}


PROGRAM = """
import sys, time
sys.path[:0] = {path!r}
from tests.integration.test_worker_processes import endless, processes_of
from workers.data import DataSource, load_dataset
from workers.pools.processes import ProcessPool
pool = ProcessPool(load_dataset(DataSource("wine")), slots=2)
pool.submit(endless(0)), pool.submit(endless(1))
print(*processes_of(pool, at_work=2), pool._server._process.pid, flush=True)
time.sleep(60)
"""


def test_a_killed_program_leaves_no_process_behind():
    root = str(Path(__file__).parents[2])
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(path=[root])], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    left = [int(number) for number in program.stdout.readline().split()]
    assert len(left) == 3
    program.kill()
    program.communicate()
    deadline = time.monotonic() + 10
    while any(map(is_alive, left)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, left))


def test_processes_that_cannot_start_are_said_in_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(worker_processes, "SERVER", "workers.no_such_module")
    pool = ProcessPool(load_dataset(DataSource("wine")))
    with pytest.raises(WorkersUnavailable, match=r"do not start: .*no_such_module"):
        pool.submit(segment(0))
    pool.close()


def test_a_server_that_was_never_used_ends_at_once():
    server = ForkServer()
    server.close()
    assert server._process.returncode is not None
