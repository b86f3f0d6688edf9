"""The coordinator's loop on a real database, with a pool that trains nothing."""

import random
from collections.abc import Callable

import pytest
from optuna.trial import TrialState

from storage.reading.frames import load_results
from study.coordinator.coordinator import Ending
from study.specification.files import read_specification
from study.specification.space import search_space
from study.specification.spec import StudySpec
from tests.integration.study.bench import Bench, spec_of
from workers.pools.pool import FailureKind
from workers.pools.simulated import SimulatedPool
from workers.segment import Segment

FailureOf = Callable[[Segment], FailureKind | None]


def states(bench: Bench, spec: StudySpec) -> list[str]:
    return [trial.state.name for trial in bench.optuna_study(spec.name).get_trials()]


def test_a_study_runs_until_its_budget_of_trials_is_reached(bench):
    spec = spec_of()
    assert bench.run(spec) is Ending.BUDGET
    assert states(bench, spec) == ["COMPLETE"] * 20
    results = load_results(spec.name, bench.url)
    assert list(results["trial"]) == list(range(20))
    assert (results["generalization_gap"] > 0).all()


def test_launching_again_with_a_larger_budget_adds_the_missing_trials(bench):
    bench.run(spec_of(trials=7))
    assert bench.run(spec_of(trials=12)) is Ending.BUDGET
    assert len(load_results("digits", bench.url)) == 12


def test_the_budget_of_a_grid_is_no_larger_than_the_grid(bench):
    spec = read_specification("xor", overrides=["budget.trials=1000"])
    assert bench.run(spec) is Ending.EXHAUSTED
    assert len(load_results("xor", bench.url)) == 15


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_space_that_is_used_up_before_the_budget_ends_the_study(bench, sampler):
    spec = read_specification("xor", overrides=[f"sampler={sampler}", "budget.trials=1000"])
    assert bench.run(spec) is Ending.EXHAUSTED
    results = load_results("xor", bench.url)
    tried = results[list(search_space(spec))].drop_duplicates()
    assert len(tried) == 15
    assert len(results) < 1000


def test_trials_come_out_the_same_whatever_the_number_of_slots(bench):
    first, second = spec_of("name=one"), spec_of("name=two")
    bench.coordinator(first, SimulatedPool(slots=1)).run()
    bench.coordinator(second, SimulatedPool(slots=7)).run()
    unlike = ["study", "cohort", "started_at", "finished_at"]
    one = load_results("one", bench.url).drop(columns=unlike)
    two = load_results("two", bench.url).drop(columns=unlike)
    assert one.equals(two)


def test_the_baseline_runs_first_and_what_it_leaves_open_is_sampled(bench):
    spec = spec_of("baseline=[{depth: 8, width: 64}, {activation: elu}]")
    bench.run(spec)
    results = load_results(spec.name, bench.url)
    assert (results["depth"][0], results["width"][0]) == (8, 64)
    assert results["activation"][1] == "elu"


def test_trials_that_others_enqueued_are_taken_first_and_completed(bench):
    spec = spec_of(trials=3)
    bench.run(spec)
    bench.optuna_study(spec.name).enqueue_trial({"depth": 5, "activation": "tanh"})
    bench.run(spec_of(trials=4))
    results = load_results(spec.name, bench.url)
    assert (results["depth"][3], results["activation"][3]) == (5, "tanh")
    assert len(results) == 4


def test_a_trial_enqueued_after_the_grid_was_used_up_is_run_all_the_same(bench):
    spec = read_specification("xor")
    bench.run(spec)
    bench.optuna_study("xor").enqueue_trial({"depth": 3})
    assert bench.run(spec) is Ending.EXHAUSTED
    results = load_results("xor", bench.url)
    assert len(results) == 16
    assert results["depth"][15] == 3


def test_trials_that_a_killed_coordinator_left_running_are_run_under_their_number(bench):
    spec = spec_of(trials=10)
    killed = bench.coordinator(spec, SimulatedPool())
    killed._load_trials()
    killed._ask_for_trials()  # its trials are RUNNING in the database, and then the process is gone
    left = bench.optuna_study(spec.name).get_trials()
    assert {trial.state for trial in left} == {TrialState.RUNNING}
    assert bench.run(spec) is Ending.BUDGET
    trials = bench.optuna_study(spec.name).get_trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 10
    assert [trial.params for trial in trials][: len(left)] == [trial.params for trial in left]


def test_a_stopped_study_puts_its_trials_back_with_their_parameters(bench):
    spec = spec_of(trials=30)
    pool = SimulatedPool(
        seconds_of=lambda segment: 1.0 + segment.trials[0].trial,
        failure_of=lambda segment: coordinator.stop(),
    )
    coordinator = bench.coordinator(spec, pool)
    assert coordinator.run() is Ending.STOPPED
    put_back = [t for t in bench.optuna_study(spec.name).get_trials() if t.state.name == "WAITING"]
    assert put_back
    parameters = {trial.number: trial.params for trial in put_back}
    assert bench.run(spec) is Ending.BUDGET
    trials = bench.optuna_study(spec.name).get_trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 30
    assert all(trials[number].params == params for number, params in parameters.items())


def test_a_poison_trial_fails_alone_with_its_reason(bench):
    spec = spec_of()

    def poison(segment):
        poisoned = any(work.trial == 5 for work in segment.trials)
        return FailureKind.OUT_OF_MEMORY if poisoned else None

    assert bench.run(spec, poison) is Ending.BUDGET
    results = load_results(spec.name, bench.url)
    assert list(results["trial"][results["state"] == "FAIL"]) == [5]
    assert results["error"][5] == "out of memory: as simulated"
    assert results["depth"][5] >= 1


def test_a_lost_worker_is_blamed_on_nobody(bench):
    spec = spec_of()
    lost = iter([True, False, True, False])

    def unlucky(_segment):
        return FailureKind.WORKER_LOST if next(lost, False) else None

    assert bench.run(spec, unlucky) is Ending.BUDGET
    assert states(bench, spec) == ["COMPLETE"] * 20


def test_a_trial_that_always_kills_its_worker_fails_and_the_others_complete(bench):
    spec = spec_of()

    def killer(segment):
        guilty = any(work.trial == 3 for work in segment.trials)
        return FailureKind.WORKER_LOST if guilty else None

    bench.run(spec, killer)
    assert [n for n, state in enumerate(states(bench, spec)) if state == "FAIL"] == [3]


def test_where_most_workers_are_lost_no_trial_is_blamed(bench):
    spec = spec_of(trials=40)
    chance = random.Random(0)

    def storm(_segment):
        return FailureKind.WORKER_LOST if chance.random() < 0.6 else None

    assert bench.run(spec, storm) is Ending.BUDGET
    assert states(bench, spec) == ["COMPLETE"] * 40


def test_memory_that_a_neighbour_took_is_not_held_against_a_trial(bench):
    spec = spec_of(trials=12)

    def beside_the_guilty(segment):
        """While trial 5 takes all memory, Ray ends whichever task it likes."""
        flying = [pool.segments[entry.ticket] for entry in pool._running] + [segment]
        guilty = any(work.trial == 5 for other in flying for work in other.trials)
        return FailureKind.OUT_OF_MEMORY if guilty else None

    pool = SimulatedPool(slots=3, failure_of=beside_the_guilty)
    assert bench.coordinator(spec, pool).run() is Ending.BUDGET
    assert [n for n, state in enumerate(states(bench, spec)) if state == "FAIL"] == [5]


def test_a_coordinator_that_slept_takes_what_came_back_meanwhile(bench):
    """A stopped process finds, when it goes on, that what has arrived is also overdue."""
    spec = spec_of(trials=30)
    pool = SimulatedPool()
    coordinator = bench.coordinator(spec, pool)
    collect, slept = pool.collect, iter([0.0, 0.0, 1e6])

    def sleep_once(timeout):
        arrived = collect(timeout)
        pool._now += next(slept, 0.0) if arrived else 0.0
        return arrived

    pool.collect = sleep_once
    assert coordinator.run() is Ending.BUDGET
    assert states(bench, spec) == ["COMPLETE"] * 30


def test_a_study_in_which_everything_fails_ends_early(bench):
    spec = spec_of(trials=500)
    assert bench.run(spec, lambda segment: FailureKind.ERROR) is Ending.HOPELESS
    assert len(states(bench, spec)) < 200


def test_a_study_of_few_trials_that_all_fail_has_failed_too(bench):
    spec = spec_of(trials=2)
    assert bench.run(spec, lambda segment: FailureKind.ERROR) is Ending.HOPELESS
    assert states(bench, spec) == ["FAIL"] * 2


def test_optuna_shows_the_four_metrics_of_every_trial_as_numbers(bench):
    spec = spec_of(trials=4)
    bench.run(spec)
    trials = bench.optuna_study(spec.name).get_trials()
    assert len(trials) == 4
    for trial in trials:
        assert set(trial.user_attrs) == {
            "train_accuracy",
            "validation_accuracy",
            "test_accuracy",
            "generalization_gap",
        }
        assert all(isinstance(value, float) for value in trial.user_attrs.values())
        assert trial.intermediate_values == {30: pytest.approx(trial.value)}


def test_several_objectives_are_all_recorded(bench):
    spec = spec_of("objective=[validation_accuracy, validation_gap]", "sampler=nsga2", trials=6)
    bench.run(spec)
    trials = bench.optuna_study(spec.name).get_trials()
    assert len(trials) == 6
    for trial in trials:
        assert trial.values[1] == pytest.approx(
            trial.user_attrs["train_accuracy"] - trial.values[0]
        )


def test_a_request_to_stop_through_the_database_is_heard(bench):
    spec = spec_of(trials=30)
    coordinator = bench.coordinator(spec, SimulatedPool())
    coordinator.stop_requested = lambda: coordinator.tally.complete > 0
    assert coordinator.run() is Ending.STOPPED
    assert "RUNNING" not in states(bench, spec)


def test_a_trial_that_hangs_is_cancelled_and_fails_with_its_reason(bench):
    spec = spec_of()

    def hang_on_seven(segment):
        return 1e9 if any(work.trial == 7 for work in segment.trials) else 1.0

    pool = SimulatedPool(seconds_of=hang_on_seven)
    assert bench.coordinator(spec, pool).run() is Ending.BUDGET
    results = load_results(spec.name, bench.url)
    assert list(results["trial"][results["state"] == "FAIL"]) == [7]
    assert "no answer in time" in results["error"][7]


def test_a_thousand_simulated_workers_are_kept_busy_with_trials_of_thirty_seconds(bench):
    # It ends by time, so that the drain at the end of a budget of trials is not measured.
    small = ("search.ensemble_size=1", "training.replicates=1", "budget.hours=0.04")
    spec = spec_of(*small, trials=8000)

    def thirty_seconds_a_trial(segment):
        return float(sum(24 + work.trial % 13 for work in segment.trials))

    pool = SimulatedPool(slots=1000, seconds_of=thirty_seconds_a_trial)
    bench.coordinator(spec, pool).run()
    assert pool.busy_seconds / (1000 * pool.clock()) >= 0.95


@pytest.mark.parametrize(("slots", "most"), [(2, 32), (16, 256), (64, 256), (400, 400)])
def test_an_adaptive_sampler_is_not_asked_for_more_than_it_can_learn_from(bench, slots, most):
    spec = spec_of("sampler=tpe", "search.ensemble_size=1", trials=20_000)
    source = bench.coordinator(spec, SimulatedPool(slots)).source
    assert source.trials_that_train(slots * source.networks_for_a_slot(slots)) == most
