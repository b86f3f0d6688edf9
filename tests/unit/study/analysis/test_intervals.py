"""Intervals of accuracies, gaps and differences."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from study.analysis import generalization_gaps, holm, mcnemar
from study.analysis.comparison import (
    compare_trials,
    corrected_resampled_t,
    crossed_difference,
    paired_difference,
)
from study.analysis.intervals.correctness import outcomes_on_test, outcomes_on_validation
from study.analysis.intervals.random_effects import accuracy_interval, crossed_precision
from study.analysis.proportions import share_difference
from study.errors import InvalidInput
from tests.benchmarks.coverage import (
    WORLDS,
    coverage_of_accuracy,
    coverage_of_corrected_t,
    coverage_of_difference,
    coverage_of_gap,
    coverage_of_shares,
)
from tests.benchmarks.simulated import as_study, planted_study

REPETITIONS = 500
# Binomial noise of 500 repetitions: four standard errors around nominal 95 %.
NOMINAL = pytest.approx(0.95, abs=0.04)


def study_of(correct, train=None):
    """A study with nothing but test outcomes [T, R, N]."""
    trials, replicates, _ = correct.shape
    if train is None:
        train = np.ones((trials, replicates))
    depth = {"depth": np.arange(trials)}
    return as_study(depth, train, correct, correct[:, :, :8])


@pytest.mark.parametrize("world", WORLDS[:2], ids=lambda world: world.name)
def test_intervals_of_five_replicates_contain_the_truth_as_often_as_they_say(world):
    assert coverage_of_accuracy(world, 5, REPETITIONS) == NOMINAL
    assert coverage_of_gap(world, 5, REPETITIONS) == NOMINAL
    assert coverage_of_difference(world, 5, REPETITIONS) == NOMINAL


def test_intervals_of_one_network_contain_its_accuracy_as_often_as_they_say():
    assert coverage_of_accuracy(WORLDS[-1], 1, REPETITIONS) == NOMINAL
    assert coverage_of_difference(WORLDS[-1], 1, REPETITIONS) == NOMINAL


def test_other_intervals_contain_the_truth_as_often_as_they_say():
    assert coverage_of_corrected_t(REPETITIONS) == NOMINAL
    assert coverage_of_shares(REPETITIONS) == NOMINAL


def test_a_bootstrap_of_three_replicates_that_differ_falls_short():
    differ = WORLDS[2]
    bootstrapped = coverage_of_accuracy(differ, 3, REPETITIONS, bootstrap=True)
    assert bootstrapped < coverage_of_accuracy(differ, 3, REPETITIONS) - 0.03


def test_the_interval_of_one_replicate_is_nearly_wilsons():
    correct = np.zeros((1, 1, 450), bool)
    correct[0, 0, :430] = True
    low, high = accuracy_interval(correct.mean(axis=(1, 2)), crossed_precision(correct), 450)
    wilson = stats.binomtest(430, 450).proportion_ci(method="wilson")
    assert (low[0], high[0]) == (
        pytest.approx(wilson.low, abs=2e-4),
        pytest.approx(wilson.high, abs=2e-4),
    )


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(2, 40), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_an_interval_lies_within_0_and_1_and_holds_its_estimate(replicates, examples, rate, seed):
    correct = np.random.default_rng(seed).random((1, replicates, examples)) < rate
    accuracy = correct.mean(axis=(1, 2))
    low, high = accuracy_interval(accuracy, crossed_precision(correct), examples)
    assert 0.0 <= low[0] <= accuracy[0] + 1e-12
    assert accuracy[0] - 1e-12 <= high[0] <= 1.0


def test_a_perfect_trial_still_has_an_interval():
    study = study_of(np.ones((1, 3, 450), bool))
    (row,) = generalization_gaps(study.replicates, study.splits).to_dict("records")
    assert row["generalization_gap"] == 0.0
    assert row["gap_low"] == pytest.approx(0.0)
    assert 0.005 < row["gap_high"] < 0.01  # Wilson's, of 450 out of 450


def test_a_gap_that_owes_its_variance_to_training_has_a_symmetric_interval():
    generator = np.random.default_rng(1)
    correct = generator.random((1, 5, 4000)) < 0.97
    study = study_of(correct, generator.normal(0.8, 0.1, (1, 5)))
    (row,) = generalization_gaps(study.replicates, study.splits).to_dict("records")
    below = row["generalization_gap"] - row["gap_low"]
    above = row["gap_high"] - row["generalization_gap"]
    assert below == pytest.approx(above, rel=0.02)
    assert row["test_accuracy"] - row["test_low"] > 1.05 * (row["test_high"] - row["test_accuracy"])


def test_gaps_are_those_of_the_results_table():
    study = planted_study(np.random.default_rng(0), trials=5)
    gaps = generalization_gaps(study.replicates, study.splits)
    np.testing.assert_allclose(gaps["generalization_gap"], study.results["generalization_gap"])
    np.testing.assert_allclose(gaps["test_accuracy"], study.results["test_accuracy"])
    assert (gaps["gap_low"] < gaps["generalization_gap"]).all()
    assert (gaps["gap_high"] > gaps["generalization_gap"]).all()
    assert set(gaps["method"]) == {"crossed"}


def test_on_a_truth_table_only_replicates_vary():
    study = study_of(np.array([[[1, 0, 1, 0], [1, 1, 1, 1]]], bool), np.array([[0.5, 1.0]]))
    splits = study.splits.assign(validation_index=study.splits["test_index"])
    (row,) = generalization_gaps(study.replicates, splits).to_dict("records")
    assert row["method"] == "replicates"
    assert (row["generalization_gap"], row["gap_low"], row["gap_high"]) == (0.0, 0.0, 0.0)


def test_bits_come_back_with_their_examples():
    generator = np.random.default_rng(3)
    correct = generator.random((2, 3, 13)) < 0.5
    study = study_of(correct)
    shared = outcomes_on_test(study.replicates.sample(frac=1, random_state=0), study.splits)
    np.testing.assert_array_equal(shared.correct, correct)
    own = outcomes_on_validation(study.replicates, study.splits)
    np.testing.assert_array_equal(np.stack(own.correct, axis=1), correct[:, :, :8])


def test_a_trial_that_lacks_a_replicate_is_left_out():
    study = study_of(np.ones((2, 3, 4), bool))
    shared = outcomes_on_test(study.replicates.iloc[1:], study.splits)
    assert shared.trials.tolist() == [1]


def test_test_sets_that_differ_between_replicates_are_refused():
    study = study_of(np.ones((1, 2, 4), bool))
    splits = study.splits.assign(test_index=[np.arange(4), np.arange(1, 5)])
    with pytest.raises(InvalidInput, match="different examples"):
        outcomes_on_test(study.replicates, splits)


def test_mcnemar_is_the_binomial_test_of_the_discordant_examples():
    first = np.array([1] * 9 + [0] * 2 + [1] * 20, bool)
    second = np.array([0] * 9 + [1] * 2 + [1] * 20, bool)
    found = mcnemar(first, second)
    assert found.p_value == pytest.approx(stats.binomtest(2, 11).pvalue)
    assert found.estimate == pytest.approx(7 / 31)
    assert found.low < found.estimate < found.high


def test_equal_networks_do_not_differ():
    correct = np.random.default_rng(0).random((1, 100)) < 0.8
    study = study_of(np.stack([correct, correct]))
    found = paired_difference(outcomes_on_test(study.replicates, study.splits), 0, 1)
    assert (found.estimate, found.p_value) == (0.0, 1.0)
    assert found.low < 0.0 < found.high


def test_pairing_makes_a_difference_more_precise():
    generator = np.random.default_rng(5)
    hard = generator.random(450) < 0.5
    first = ~hard | (generator.random((3, 450)) < 0.3)
    second = ~hard | (generator.random((3, 450)) < 0.2)
    study = study_of(np.stack([first, second]))
    paired = paired_difference(outcomes_on_test(study.replicates, study.splits), 0, 1)
    apart = crossed_precision(np.stack([first, second]))
    assert paired.high - paired.low < 0.7 * 2 * np.sqrt((apart.margin() ** 2).sum())


def test_several_comparisons_carry_holms_p_values():
    study = planted_study(np.random.default_rng(0), trials=4)
    table = compare_trials(study.replicates, study.splits, [2, 0, 1, 3])
    assert table["second"].tolist() == [0, 0, 1, 1, 3, 3]
    of_test = table[table["quantity"] == "test_accuracy"]
    np.testing.assert_allclose(of_test["p_holm"], holm(of_test["p_value"].to_numpy()))
    with pytest.raises(InvalidInput, match="trial 9 is not a complete trial"):
        compare_trials(study.replicates, study.splits, [9, 0])


def test_holm_multiplies_the_smallest_p_value_by_the_number_of_tests():
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03]), [0.06, 0.03, 0.06])
    np.testing.assert_allclose(holm([0.5, np.nan, 0.6]), [1.0, np.nan, 1.0])


def test_the_corrected_t_is_wider_than_the_plain_one():
    scores = np.array([0.01, 0.03, 0.02, 0.00, 0.02])
    found = corrected_resampled_t(scores, 360, 1080)
    plain = stats.ttest_1samp(scores, 0.0).confidence_interval()
    factor = np.sqrt((1 / 5 + 1 / 3) / (1 / 5))
    assert found.high - found.low == pytest.approx(factor * (plain.high - plain.low))


def test_shares_are_compared_by_fishers_exact_test():
    found = share_difference(16, 30, 0, 30)
    assert found.p_value == pytest.approx(stats.fisher_exact([[16, 14], [0, 30]]).pvalue)
    assert found.estimate == pytest.approx(16 / 30)
    assert 0.3 < found.low < found.estimate < found.high


def test_tables_are_plain_frames():
    study = planted_study(np.random.default_rng(0), trials=3)
    assert isinstance(generalization_gaps(study.replicates, study.splits), pd.DataFrame)


def test_no_difference_is_known_without_any_error():
    alike = np.zeros((3, 100))
    found = crossed_difference(alike, None)
    assert found.low < 0.0 < found.high
    assert found.p_value == 1.0
    again = corrected_resampled_t(np.array([0.02, 0.02, 0.02]), 50, 200)
    assert again.low < 0.02 < again.high
    assert again.p_value > 0.0
