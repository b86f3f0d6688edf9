"""What a coordinator records of what happens, held against what the database then says."""

from collections import Counter

import pytest

from storage.database.engine import Database, Transaction
from storage.database.opening import open_database
from storage.database.urls import parse_url
from storage.owners import Owner
from storage.reading.frames import load_results
from storage.studies.leases import acquire_lease
from study.coordinator.coordinator import Ending
from study.launching.lease import take_study
from study.monitoring import events
from study.monitoring.event import Event
from study.monitoring.progress import CombinedProgress, NoProgress
from tests.integration.storage.studies import make_run
from tests.integration.study.bench import Bench, spec_of
from workers.pools.pool import FailureKind
from workers.pools.simulated import SimulatedPool


class Witness(NoProgress):
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record_event(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def witness(bench: Bench) -> Witness:
    bench.progress = Witness()
    return bench.progress


def test_the_trials_that_were_recorded_are_those_of_the_database(bench, witness):
    spec = spec_of("pruner=median", trials=30)
    bench.run(spec, lambda s: FailureKind.ERROR if any(w.trial == 3 for w in s.trials) else None)
    counted = Counter()
    for event in witness.of(events.TrialsCommitted):
        counted.update(COMPLETE=event.complete, PRUNED=event.pruned, FAIL=event.failed)
    results = load_results(spec.name, bench.url)
    assert +counted == Counter(results["state"])
    assert [e.trial for e in witness.of(events.TrialFailed)] == [3]


def test_a_cohort_is_recorded_under_the_name_that_the_results_have(bench, witness):
    spec = spec_of()
    bench.run(spec)
    trained = {
        trial: event.cohort for event in witness.of(events.CohortReturned) for trial in event.trials
    }
    results = load_results(spec.name, bench.url)
    assert trained == dict(zip(results["trial"], results["cohort"], strict=True))
    dispatched = {event.cohort: event for event in witness.of(events.CohortDispatched)}
    assert set(dispatched) == set(trained.values())
    assert all(event.networks > 0 for event in dispatched.values())


def test_a_lost_worker_is_a_retry_and_a_memory_error_a_split(bench, witness):
    lost = iter([True])

    def failure_of(segment):
        if next(lost, False):
            return FailureKind.WORKER_LOST
        poisoned = any(work.trial == 5 for work in segment.trials)
        return FailureKind.OUT_OF_MEMORY if poisoned else None

    bench.run(spec_of(), failure_of)
    failed = [(event.kind, event.remedy) for event in witness.of(events.CohortFailed)]
    assert failed[0] == ("worker lost", "retry")
    assert ("out of memory", "split") in failed
    assert failed[-1] == ("out of memory", "give up")


def test_a_study_begins_with_what_there_is_and_ends_with_all(bench, witness):
    bench.run(spec_of(trials=7))
    bench.run(spec_of(trials=12))
    assert witness.of(events.StudyBegan)[1] == events.StudyBegan(7, 0, 0, 12)
    ended = witness.of(events.StudyEnded)[1]
    assert (ended.ending, ended.complete) == ("the budget is reached", 12)


def test_who_asked_a_study_to_stop_is_recorded_once(bench, witness):
    coordinator = bench.coordinator(spec_of(), SimulatedPool())
    coordinator.stop_requested = lambda: coordinator.tally.complete > 0
    coordinator.run()
    assert witness.of(events.StopRequested) == [events.StopRequested("database")]


def test_a_database_that_went_away_and_came_back_is_recorded_once_each(bench, witness):
    database = bench.database
    here = (database._reader, database._writer)
    nowhere = Database(parse_url("postgresql://me:secret@127.0.0.1:1/db"))
    coming = iter([True])

    def leave(_segment):
        if next(coming, False):
            database._reader, database._writer = nowhere._reader, nowhere._writer

    class Reconnecting(Witness):
        def record_event(self, event: Event) -> None:
            super().record_event(event)
            if isinstance(event, events.DatabaseAway):
                database._reader, database._writer = here

    bench.progress = reconnecting = Reconnecting()
    assert bench.run(spec_of(), leave) is Ending.BUDGET
    (away,) = reconnecting.of(events.DatabaseAway)
    assert "cannot be reached" in away.reason
    assert "secret" not in away.reason
    (back,) = reconnecting.of(events.DatabaseBack)
    assert reconnecting.events.index(away) < reconnecting.events.index(back)


def test_a_lease_that_was_not_given_back_is_recorded_as_taken_over(database):
    make_run(database, "left")
    witness = Witness()
    gone = Owner("a-host-that-is-away", 4711)
    acquire_lease(database, "left", gone, 0.0)
    take_study(database, "left", witness)
    (taken,) = witness.events
    assert taken.taken_from == "process 4711 on a-host-that-is-away"
    assert taken.epoch == 2
    assert "took the study over" in taken.line


def test_a_lease_that_was_free_is_not_worth_a_line(database):
    make_run(database, "free")
    witness = Witness()
    take_study(database, "free", witness)
    assert witness.events[0].taken_from is None
    assert witness.events[0].line == ""


def test_a_database_tells_its_observers_of_every_transaction(database: Database):
    seen: list[Transaction] = []
    database.observe_transactions(seen.append)
    with database.read():
        pass
    with pytest.raises(ZeroDivisionError), database.write():
        1 / 0  # noqa: B018
    assert [(done.writes, done.failed) for done in seen] == [(False, False), (True, True)]
    assert all(done.seconds > 0 for done in seen)


def test_another_database_on_the_same_file_tells_nothing(database, database_url):
    seen: list[Transaction] = []
    database.observe_transactions(seen.append)
    with open_database(database_url) as other, other.read():
        pass
    assert seen == []


def test_combined_progress_passes_the_same_to_each():
    first, second = Witness(), Witness()
    with CombinedProgress([first, second]) as both:
        both.record_event(events.StopRequested("signal"))
    assert first.events == second.events == [events.StopRequested("signal")]
