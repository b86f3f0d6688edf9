"""A grid is over when every point has been tried, whatever else is among the study's trials."""

import pytest
from optuna.trial import TrialState, create_trial

from storage.reading.frames import load_results
from study.coordinator.coordinator import Ending
from study.launching.resuming import grid_is_complete, search_is_over
from study.monitoring import events
from study.sampling.proposers import proposer_for
from study.specification.files import read_specification
from study.specification.space import configuration_of, search_space
from study.specification.spec import StudySpec
from tests.integration.study.test_events import Witness
from workers.pools.pool import FailureKind
from workers.pools.simulated import SimulatedPool

POINTS = 12
EVERY_POINT = {(depth, tenths / 10) for depth in (1, 2) for tenths in range(6)}
REPEATED = "baseline=[{depth: 1, dropout: 0.2}, {depth: 1, dropout: 0.2}, {depth: 2}]"


def spec_of(*overrides: str) -> StudySpec:
    search = "search={depth: [1, 2], width: 8, dropout: {low: 0.0, high: 0.5, step: 0.1}}"
    return read_specification("xor", overrides=["sampler=grid", search, *overrides])


def points_of(bench) -> list[tuple[int, float]]:
    results = load_results("xor", bench.url)
    trained = results[results["state"] == "COMPLETE"].sort_values("trial")
    return list(zip(trained["depth"], trained["dropout"], strict=True))


def is_over(bench, spec: StudySpec) -> bool:
    study = bench.optuna_study("xor")
    return search_is_over(spec, study._storage, study._study_id)


def test_every_point_of_a_plain_grid_has_one_trial_and_its_number_says_which(bench):
    assert bench.run(spec_of("budget.trials=5")) is Ending.BUDGET
    assert not is_over(bench, spec_of())
    assert bench.run(spec_of()) is Ending.EXHAUSTED
    proposer = proposer_for(spec_of())
    of_numbers = proposer.propose(range(POINTS), [{}] * POINTS)
    assert points_of(bench) == [(point["depth"], point["dropout"]) for point in of_numbers]
    assert set(points_of(bench)) == EVERY_POINT
    assert is_over(bench, spec_of())


@pytest.mark.parametrize("budget", ["budget.trials=50", "budget.hours=1"])
def test_a_baseline_that_repeats_itself_takes_no_point_away(bench, budget):
    witness = bench.progress = Witness()
    spec = spec_of(REPEATED, budget)
    assert bench.run(spec) is Ending.EXHAUSTED
    points = points_of(bench)
    assert points[:2] == [(1, 0.2), (1, 0.2)]
    assert set(points) == EVERY_POINT
    assert len(points) == POINTS + 1
    (ended,) = witness.of(events.StudyEnded)
    assert ended.ending == Ending.EXHAUSTED.value
    assert is_over(bench, spec)


def test_a_budget_that_ends_a_grid_before_its_last_point_is_said_to_be_reached(bench):
    assert bench.run(spec_of(REPEATED, f"budget.trials={POINTS}")) is Ending.BUDGET
    assert len(set(points_of(bench))) == POINTS - 1


def test_what_others_put_into_a_grid_takes_no_point_away(bench):
    spec = spec_of()
    bench.coordinator(spec, SimulatedPool())  # makes the study
    theirs = bench.optuna_study("xor")
    theirs.enqueue_trial({"depth": 7})
    theirs.enqueue_trial({"depth": 1})
    for _ in range(2):
        theirs.enqueue_trial({"depth": 2, "dropout": 0.3})
    for state in (TrialState.COMPLETE, TrialState.FAIL):
        value = 0.5 if state is TrialState.COMPLETE else None
        params = {"depth": 1, "dropout": 0.4}
        ended = create_trial(
            state=state, params=params, distributions=search_space(spec), value=value
        )
        theirs.add_trial(ended)
    assert bench.run(spec) is Ending.EXHAUSTED
    assert set(points_of(bench)) == EVERY_POINT
    study = bench.optuna_study("xor")
    assert grid_is_complete(spec, study._storage, study._study_id)


def test_what_others_enqueue_between_two_launches_takes_no_point_away(bench):
    bench.run(spec_of("budget.trials=4"))
    (again, *_) = points_of(bench)
    bench.optuna_study("xor").enqueue_trial({"depth": int(again[0]), "dropout": again[1]})
    assert bench.run(spec_of()) is Ending.EXHAUSTED
    assert set(points_of(bench)) == EVERY_POINT
    assert len(points_of(bench)) == POINTS + 1


def test_a_point_whose_trial_failed_has_been_tried(bench):
    def fail_once(segment):
        return FailureKind.ERROR if segment.trials[0].trial == 3 else None

    bench.run(spec_of("budget.trials=4"), failure_of=fail_once)
    assert bench.run(spec_of()) is Ending.EXHAUSTED
    assert len(load_results("xor", bench.url)) == POINTS


@pytest.mark.parametrize("batch", [1, 2, 5, 30])
def test_how_trials_are_divided_into_batches_does_not_change_their_points(batch):
    def in_batches_of(size):
        spec, tried, made = spec_of(), set(), []
        baseline = [{"depth": 1, "dropout": 0.2}] * 2
        proposer = proposer_for(spec)
        while True:
            numbers = range(len(made), len(made) + size)
            given = [baseline[n] if n < len(baseline) else {} for n in numbers]
            proposals = proposer.propose(numbers, given, tried)
            made += proposals
            tried |= {configuration_of(spec, proposal) for proposal in proposals}
            if len(proposals) < size:
                return made

    assert in_batches_of(batch) == in_batches_of(3)
