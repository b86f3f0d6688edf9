"""Configurations that come twice, on a real database, with a pool that trains nothing."""

from storage.reading.frames import load_replicates, load_results
from study.coordinator.coordinator import Ending
from tests.integration.study.bench import spec_of
from workers.pools.pool import FailureKind
from workers.pools.simulated import SimulatedPool

SIX_CONFIGURATIONS = (
    "search={depth: [1, 2, 3], activation: [relu, tanh]}",
    "training.replicates=1",
)


def test_a_configuration_that_came_before_is_copied_and_the_trial_named(bench):
    spec = spec_of(*SIX_CONFIGURATIONS, trials=200)
    pool = SimulatedPool()
    assert bench.coordinator(spec, pool).run() is Ending.EXHAUSTED
    results = load_results(spec.name, bench.url)
    assert (results["state"] == "COMPLETE").all()
    trained = results[results["duplicate_of"].isna()]
    copied = results[results["duplicate_of"].notna()]
    assert len(trained) == 6
    assert len(copied) >= 1
    assert sum(len(segment.trials) for segment in pool.segments.values()) == 6
    for _, row in copied.iterrows():
        original = results[results["trial"] == row["duplicate_of"]].iloc[0]
        assert original["trial"] < row["trial"]
        columns = ["depth", "activation", "test_accuracy", "validation_accuracy", "fingerprint"]
        assert row[columns].equals(original[columns])
    assert len(load_replicates(spec.name, bench.url)) == len(results)


def test_where_a_finite_space_ends_does_not_depend_on_the_batches(bench):
    tables = []
    for name, slots in (("one", 1), ("many", 9)):
        spec = spec_of(*SIX_CONFIGURATIONS, f"name={name}", trials=200)
        bench.coordinator(spec, SimulatedPool(slots=slots)).run()
        tables.append(load_results(name, bench.url)[["trial", "depth", "duplicate_of"]])
    assert tables[0].equals(tables[1])


def test_a_duplicate_of_a_trial_that_failed_is_tried_itself(bench):
    twice = "baseline=[{depth: 1, activation: relu}, {depth: 1, activation: relu}]"
    spec = spec_of(*SIX_CONFIGURATIONS, twice, trials=2)
    bench.run(spec, lambda s: FailureKind.ERROR if s.trials[0].trial == 0 else None)
    results = load_results(spec.name, bench.url)
    assert list(results["state"]) == ["FAIL", "COMPLETE"]
    assert results["duplicate_of"].isna().all()


def test_results_of_an_earlier_launch_are_copied_too(bench):
    bench.run(spec_of(*SIX_CONFIGURATIONS, trials=4))
    pool = SimulatedPool(slots=1)
    bench.coordinator(spec_of(*SIX_CONFIGURATIONS, trials=30), pool).run()
    assert (load_results("digits", bench.url)["state"] == "COMPLETE").all()
    assert sum(len(segment.trials) for segment in pool.segments.values()) <= 6
