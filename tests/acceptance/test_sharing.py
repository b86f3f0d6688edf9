"""Studies that run at the same time share the cluster of their service."""

import os
import signal
from pathlib import Path

import pytest

from storage.engine import open_database
from storage.runs import list_runs
from tests.service_processes import command_line, queue, serving, wait_for

TRIALS = 200


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def test_two_equal_studies_on_one_cluster_progress_alike(url, tmp_path):
    for name in ("one", "two"):
        # So many networks a trial that a cohort, which ends as a whole, is a small part of a study.
        queue(url, name, trials=TRIALS, training={"epochs": 40, "replicates": 6})
    seen: list[tuple[int, int]] = []
    with serving(tmp_path / "serve", url) as serve, open_database(url) as database:

        def finished() -> bool:
            summaries = list_runs(database)
            done = [summary.trials.get("COMPLETE", 0) for summary in summaries]
            if not seen or seen[-1] != (done[0], done[1]):
                seen.append((done[0], done[1]))
            return all(summary.run.status == "finished" for summary in summaries)

        wait_for(finished, "both are finished", seconds=200)
        between = [(one, two) for one, two in seen if min(one, two) > 0 and max(one, two) < TRIALS]
        assert len(between) > 3, seen
        assert all(abs(one - two) <= 0.2 * TRIALS for one, two in between), between
        started = {pid for pid in below(serve.process.pid) if "gcs_server" in command_line(pid)}
        assert len(started) == 1
        # However a service dies, its cluster goes with it.
        os.kill(serve.process.pid, signal.SIGKILL)
        serve.process.wait()
        wait_for(lambda: not any(map(command_line, started)), "its cluster has ended")


def below(pid: int) -> set[int]:
    """The processes that pid started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    children = {int(child) for child in listed.read_text().split()}
    return children.union(*(below(child) for child in children if command_line(child)))
