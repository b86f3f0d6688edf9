"""Services as processes, for tests of what they do together."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.database.engine import Database
from storage.reading.summaries import list_runs
from storage.studies.runs import StudyRun, read_run
from study.service.enqueue import put_in_queue
from study.specification.files import validated
from study.specification.spec import StudySpec


def spec_of(name: str, *, trials: int = 6, epochs: int = 4, **changes: object) -> StudySpec:
    """A study of small networks."""
    document = {
        "name": name,
        "data": {"source": "wine"},
        "search": {
            "depth": {"low": 1, "high": 3},
            "width": [8, 16],
            "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
        },
        "training": {"epochs": epochs, "replicates": 2},
        "sampler": "random",
        "budget": {"trials": trials},
    }
    return validated(document | changes, name)


def queue(url: str, name: str, *, trials: int = 6, epochs: int = 4, **changes: object) -> None:
    """Put a study of small networks in the queue."""
    put_in_queue(spec_of(name, trials=trials, epochs=epochs, **changes), url)


class Serve:
    """A `study serve` in a process of its own; options are its other options."""

    def __init__(self, folder: Path, url: str, *options: str) -> None:
        folder.mkdir(exist_ok=True)
        self.log = folder / "serve.log"
        ours = ("STUDY_", "RAY_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).parent / "study"), "serve", *options],
                cwd=folder,
                env={**kept, "STUDY_STORAGE": url},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def children(self) -> list[int]:
        """The processes of its studies."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pids = [int(pid) for pid in listed.read_text().split()] if listed.exists() else []
        return [pid for pid in pids if "study.service.child" in command_line(pid)]

    def metrics_url(self) -> str:
        """Where it is scraped, started with --metrics 0."""
        said: list[str] = []

        def is_said() -> bool:
            said[:] = re.findall(r"http://127\.0\.0\.1:\d+/metrics", self.log.read_text())
            return bool(said)

        wait_for(is_said, "it says where its metrics are")
        return said[0]

    def stop(self, seconds: float = 15.0) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self, *, with_children: bool) -> None:
        """SIGKILL, which nobody can answer."""
        pids = [self.process.pid, *(self.children() if with_children else ())]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving(folder: Path, url: str, *options: str) -> Iterator[Serve]:
    """A service that is ended with the block, however that ends."""
    serve = Serve(folder, url, *options)
    try:
        yield serve
    finally:
        if serve.process.poll() is None:
            serve.kill(with_children=True)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)


def wait_for_status(
    database: Database, name: str, *statuses: str, seconds: float = 60.0
) -> StudyRun:
    wait_for(
        lambda: read_run(database, name).status.value in statuses,
        f"{name} is {' or '.join(statuses)}",
        seconds,
    )
    return read_run(database, name)


def trials_of(database: Database, name: str, state: str = "COMPLETE") -> int:
    """How many trials of the study are in Optuna's state."""
    (summary,) = [summary for summary in list_runs(database) if summary.run.study == name]
    return summary.trials.get(state, 0)
