"""Trials that end at a rung, on a real database, with a pool that trains nothing."""

import pytest

from storage.reading.frames import load_results
from study.coordinator.coordinator import Ending
from study.sampling.pruning import rung_epochs
from tests.integration.study.bench import spec_of
from workers.pools.pool import FailureKind
from workers.pools.simulated import SimulatedPool


@pytest.mark.parametrize("pruner", ["median", "successive_halving", "hyperband"])
def test_a_pruned_trial_ends_at_a_rung_with_its_last_measurements(bench, pruner):
    spec = spec_of(f"pruner={pruner}", trials=40)
    assert bench.run(spec) is Ending.BUDGET
    results = load_results(spec.name, bench.url)
    pruned = results[results["state"] == "PRUNED"]
    complete = results[results["state"] == "COMPLETE"]
    assert len(pruned) + len(complete) == 40
    assert len(pruned) >= 8
    assert set(pruned["epochs"]) <= set(rung_epochs(30))
    assert set(complete["epochs"]) == {30}
    assert pruned["test_accuracy"].notna().all()
    assert complete["validation_accuracy"].mean() > pruned["validation_accuracy"].mean()


def test_pruning_goes_on_after_a_restart_with_what_it_knew(bench):
    bench.run(spec_of("pruner=successive_halving", trials=30))
    bench.run(spec_of("pruner=successive_halving", trials=45))
    later = load_results("digits", bench.url)[30:]
    assert (later["state"] == "PRUNED").sum() >= 5


def test_survivors_of_a_rung_go_on_from_their_state(bench):
    spec = spec_of("pruner=median", trials=20)
    pool = SimulatedPool()
    bench.coordinator(spec, pool).run()
    later = [ticket for ticket, segment in pool.segments.items() if segment.first_epoch > 0]
    assert later
    assert all(pool.states[ticket] for ticket in later)
    first_rung = rung_epochs(30)[0]
    assert {s.last_epoch for s in pool.segments.values() if s.first_epoch == 0} == {first_rung}


def test_a_lost_state_means_training_again_from_the_start(bench):
    spec = spec_of("pruner=median", trials=10)
    lost = iter([True])

    def lose_one_state(segment):
        return FailureKind.STATE_LOST if segment.first_epoch > 0 and next(lost, False) else None

    assert bench.run(spec, lose_one_state) is Ending.BUDGET
    states = {trial.state.name for trial in bench.optuna_study(spec.name).get_trials()}
    assert states <= {"COMPLETE", "PRUNED"}
