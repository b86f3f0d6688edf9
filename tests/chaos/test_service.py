"""Three services on PostgreSQL, one of them killed again and again: every study ends as it should.

`pytest tests/chaos/test_service.py --service-kill-seconds 20` is the long version, of ten studies.
"""

import time
from itertools import cycle

import pytest

from storage.database.opening import open_database
from storage.reading.frames import load_replicates, load_results
from storage.reading.summaries import list_runs
from tests.service_processes import Serve, queue

SERVICES = 3
KILLS = 3


def test_all_studies_finish_though_a_service_is_killed_again_and_again(
    postgres_url, tmp_path, request: pytest.FixtureRequest
):
    interval = request.config.getoption("--service-kill-seconds")
    larger = max(1, round(interval / 4))  # work for at least a few kills
    studies = 6 if larger == 1 else 10  # most of a small study's time is its process's start
    sizes = {f"s{number}": (2 + 2 * number) * larger for number in range(studies)}
    for number, (name, trials) in enumerate(sizes.items()):
        queue(postgres_url, name, trials=trials, epochs=(5, 20, 80)[number % 3] * larger**2)

    def start(number: int) -> Serve:
        options = ("--ray", "serial", "--max-studies", "2")
        return Serve(tmp_path / str(number), postgres_url, *options)

    services = [start(number) for number in range(SERVICES)]
    kills = 0
    deadline = time.monotonic() + 40 * interval
    next_kill = time.monotonic() + interval
    victims = cycle(range(SERVICES))
    try:
        with open_database(postgres_url) as database:
            while time.monotonic() < deadline:
                runs = [summary.run for summary in list_runs(database)]
                assert not [(run.study, run.error) for run in runs if run.status == "failed"]
                if all(run.status == "finished" for run in runs):
                    break
                if time.monotonic() >= next_kill and (kills < KILLS or larger > 1):
                    victim = next(victims)
                    # With its studies' processes, as a machine dies; or alone, as a program does.
                    services[victim].kill(with_children=kills % 2 == 0)
                    services[victim] = start(victim)
                    kills += 1
                    next_kill = time.monotonic() + interval
                time.sleep(0.3)
            else:
                pytest.fail(str([(run.study, run.status.value, run.error) for run in runs]))
    finally:
        for service in services:
            service.kill(with_children=True)
    assert kills >= 2
    for name, trials in sizes.items():
        results = load_results(name, postgres_url)
        assert list(results["trial"]) == list(range(trials)), name
        assert set(results["state"]) == {"COMPLETE"}
        assert len(load_replicates(name, postgres_url)) == 2 * trials
