"""A worker that hangs is given up after its deadline, and what it trained is trained elsewhere."""

import os
import threading

import psutil
import pytest

from storage.database.opening import open_database
from storage.reading.frames import load_results
from study.coordinator import dispatcher, policy
from study.coordinator.coordinator import Ending
from study.monitoring import events
from study.monitoring.event import Event
from study.monitoring.progress import NoProgress
from study.specification.files import read_specification
from tests.integration.study.bench import Bench
from workers.data import DataSource, load_dataset
from workers.pools.ray_cluster import RayPool

# Longer than a worker takes to start beside other programs: one that starts is not one that hangs.
DEADLINE = 15.0


class Freezer(NoProgress):
    """Stops a worker, which then lives and says nothing, as soon as a cohort came back."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.frozen: psutil.Process | None = None
        self._thread = threading.Thread(target=self._freeze, daemon=True)

    def record_event(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, events.CohortReturned) and self._thread.ident is None:
            self._thread.start()

    def _freeze(self) -> None:
        while self.frozen is None:
            for child in psutil.Process(os.getpid()).children(recursive=True):
                if child.name().startswith("ray::_train"):
                    child.suspend()
                    self.frozen = child
                    return


@pytest.mark.timeout(280)
def test_a_hanging_worker_costs_its_deadline_and_no_trial(tmp_path, monkeypatch):
    monkeypatch.setattr(policy, "SHORTEST_DEADLINE", DEADLINE)
    monkeypatch.setattr(
        dispatcher, "SHORTEST_DEADLINE", DEADLINE
    )  # how often it looks for such cohorts
    monkeypatch.setattr(policy, "TIMES_THE_SLOWEST", 0.0)
    spec = read_specification(
        "digits",
        overrides=["data.source=wine", "sampler=random", "budget.trials=40", "search.width=16"],
    )
    url = f"sqlite:///{tmp_path / 'study.db'}"
    pool = RayPool(load_dataset(DataSource("wine")))
    freezer = Freezer()
    try:
        with open_database(url) as database:
            assert Bench(database, url, freezer).coordinator(spec, pool).run() is Ending.BUDGET
    finally:
        pool.close()
        if freezer.frozen is not None and freezer.frozen.is_running():
            freezer.frozen.kill()
    failed = [event for event in freezer.events if isinstance(event, events.CohortFailed)]
    assert "no answer in time" in {event.kind for event in failed}
    assert set(load_results(spec.name, url)["state"]) == {"COMPLETE"}
