"""The database goes away at each moment of a study, and whether the answer to a commit still comes
or not: the study goes on by itself, and comes to the same table."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd
import pytest

from storage.database.engine import Database
from storage.errors import DatabaseUnreachable
from storage.reading.frames import load_replicates, load_results
from study.coordinator.coordinator import Coordinator, Ending
from study.coordinator.outage import LONGEST_OUTAGE, StoppedWithoutDatabase
from study.errors import ExitCode
from study.monitoring import events
from study.monitoring.event import Event
from study.monitoring.progress import NoProgress
from study.specification.spec import StudySpec
from tests.integration.study.bench import Bench, spec_of
from workers.pools.simulated import SimulatedPool

# Six configurations, so that trials are copied, are awaited, and run out.
FINITE = (
    "search={depth: [1, 2, 3], activation: [relu, tanh]}",
    "training.replicates=1",
    "baseline=[{depth: 1, activation: relu}, {depth: 1, activation: relu}]",
)


class FailingDatabase(NoProgress):
    """From its transaction number `begins` on, counted from the study's beginning, the database
    fails `length` transactions; the first of them only after its commit where its answer is lost.
    """

    def __init__(self, database: Database, begins: int, length: float, *, lost: bool) -> None:
        self.failing = range(begins, begins + int(min(length, 1e9)))
        self.lost = lost
        self.events: list[Event] = []
        self.when_away: Callable[[], None] = lambda: None
        self._database = database
        self._original = database._transaction
        self._count = itertools.count()
        self.seen = 0

    def record_event(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, events.DatabaseAway):
            self.when_away()
        if isinstance(event, events.StudyBegan):
            self._database._transaction = self._transaction

    @contextmanager
    def _transaction(self, engine, *, writes) -> Iterator[object]:
        number = self.seen = next(self._count)
        if number in self.failing and not (self.lost and number == self.failing.start):
            raise DatabaseUnreachable("the database is away")
        with self._original(engine, writes=writes) as connection:
            yield connection
        if number in self.failing:
            raise DatabaseUnreachable("the answer was lost")

    def end(self) -> None:
        self._database._transaction = self._original


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.coordinator.outage.SECONDS_BETWEEN_TRIES", 0.01)


def run(
    bench: Bench, spec: StudySpec, begins: int, length: float = 3, *, lost: bool = False
) -> tuple[Ending, FailingDatabase]:
    bench.progress = outage = FailingDatabase(bench.database, begins, length, lost=lost)
    try:
        return bench.coordinator(spec, SimulatedPool()).run(), outage
    finally:
        outage.end()


def table(bench: Bench, name: str) -> pd.DataFrame:
    circumstances = ["study", "cohort", "started_at", "finished_at"]
    return load_results(name, bench.url).drop(columns=circumstances)


@pytest.mark.parametrize("lost", [False, True], ids=["it is away", "the answer is lost"])
@pytest.mark.parametrize(
    ("overrides", "trials"),
    [(FINITE, 200), (("pruner=median",), 12), (("sampler=tpe",), 12)],
    ids=["finite", "pruned", "adaptive"],
)
def test_whenever_the_database_goes_away_the_study_comes_to_its_end(bench, overrides, trials, lost):
    ending, undisturbed = run(bench, spec_of(*overrides, "name=undisturbed", trials=trials), 0, 0)
    expected = table(bench, "undisturbed")
    assert undisturbed.seen >= 4
    noticed = 0
    for begins in range(undisturbed.seen + 1):
        name = f"away-{begins}"
        ended, outage = run(
            bench, spec_of(*overrides, f"name={name}", trials=trials), begins, lost=lost
        )
        assert ended is ending
        found = table(bench, name)
        if "sampler=tpe" in overrides:  # which depends on what was complete when it was asked
            assert list(found["trial"]) == list(range(trials))
            assert set(found["state"]) == {"COMPLETE"}
        elif "pruner=median" in overrides:
            assert list(found["trial"]) == list(range(trials))
            assert found["depth"].equals(expected["depth"])
        else:
            pd.testing.assert_frame_equal(found, expected, check_exact=True)
            assert len(load_replicates(name, bench.url)) == len(expected)
        kinds = [type(event) for event in outage.events]
        assert kinds.count(events.DatabaseAway) == kinds.count(events.DatabaseBack)
        noticed += kinds.count(events.DatabaseAway)
    assert noticed >= undisturbed.seen / 2


def test_what_is_trained_while_the_database_is_away_is_written_when_it_is_back(bench):
    """It goes away after the first batch was asked for, while all slots are busy."""
    spec = spec_of(trials=6)
    pool = SimulatedPool(slots=6)
    bench.progress = outage = FailingDatabase(bench.database, 3, 40, lost=False)
    coordinator: Coordinator = bench.coordinator(spec, pool)
    assert coordinator.run() is Ending.BUDGET
    outage.end()
    assert [type(e) for e in outage.events].count(events.DatabaseAway) == 1
    trained = [trial.trial for segment in pool.segments.values() for trial in segment.trials]
    assert sorted(trained) == list(range(6))  # none of them twice
    assert set(load_results(spec.name, bench.url)["state"]) == {"COMPLETE"}


def test_a_study_that_is_stopped_while_its_database_is_away_leaves_and_is_taken_up_again(
    bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("study.coordinator.outage.SECONDS_BETWEEN_TRIES", 0.01)
    spec = spec_of(trials=12)
    bench.progress = outage = FailingDatabase(bench.database, 2, 1e9, lost=False)
    stopped = bench.coordinator(spec, SimulatedPool(slots=1))
    outage.when_away = stopped.stop
    ticking = itertools.count()
    stopped._outage.clock = lambda: next(ticking) / 10  # the pool's time stands still by now
    with pytest.raises(StoppedWithoutDatabase, match="it goes on with what was running") as raised:
        stopped.run()
    outage.end()
    assert raised.value.exit_code == ExitCode.INTERRUPTED
    assert "RUNNING" in states(bench, spec)
    bench.progress = NoProgress()
    assert bench.run(spec) is Ending.BUDGET
    assert states(bench, spec) == ["COMPLETE"] * 12


def test_a_database_that_stays_away_ends_the_study_after_a_stated_time(bench):
    spec = spec_of(trials=12)
    bench.progress = outage = FailingDatabase(bench.database, 3, 1e9, lost=False)
    coordinator = bench.coordinator(spec, SimulatedPool())
    ticking = itertools.count()
    coordinator._outage.clock = lambda: next(ticking)  # a second for every look at the clock
    with pytest.raises(DatabaseUnreachable):
        coordinator.run()
    outage.end()
    assert next(ticking) > LONGEST_OUTAGE
    bench.progress = NoProgress()
    assert bench.run(spec) is Ending.BUDGET
    assert states(bench, spec) == ["COMPLETE"] * 12


def states(bench: Bench, spec: StudySpec) -> list[str]:
    return [trial.state.name for trial in bench.optuna_study(spec.name).get_trials()]
