"""Examples that come in groups: the group is the unit of every interval, test and resample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.analysis import generalization_gaps, outcomes_on_test, selection_optimism
from study.analysis.comparison import independent_difference, paired_difference
from study.analysis.intervals.correctness import outcomes_on_validation
from study.analysis.intervals.groups import by_group
from study.analysis.intervals.random_effects import crossed_precision
from study.analysis.intervals.responses import response_of
from tests.benchmarks.coverage import GroupedWorld, coverage_with_groups
from tests.benchmarks.simulated import as_study


def grouped_study(correct, groups, validation=None, validation_groups=None):
    """A study with test outcomes [T, R, N] of examples in groups [N]."""
    trials, replicates, _ = correct.shape
    validation = correct[:, :, :8] if validation is None else validation
    study = as_study(
        {"depth": np.arange(trials)}, np.ones((trials, replicates)), correct, validation
    )
    study.splits["test_groups"] = [groups] * replicates
    own = np.arange(validation.shape[2]) if validation_groups is None else validation_groups
    study.splits["validation_groups"] = [own] * replicates
    return study


def whole_groups(generator, trials, replicates, groups):
    """Outcomes that all examples of a group share, and the groups of 10 examples each."""
    of_groups = generator.random((trials, replicates, groups)) < 0.8
    return np.repeat(of_groups, 10, axis=2), np.repeat(np.arange(groups), 10), of_groups


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-1, 6), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_values_by_group_keep_the_mean_and_follow_sums_and_differences(codes, seed):
    groups = np.asarray(codes, np.int64)
    first, second = np.random.default_rng(seed).normal(size=(2, 3, len(groups)))
    values = by_group(first, groups)
    assert values.shape == (3, len(set(codes)))
    np.testing.assert_allclose(values.mean(axis=1), first.mean(axis=1), atol=1e-9)
    np.testing.assert_allclose(by_group(first - second, groups), values - by_group(second, groups),
                               atol=1e-9)  # fmt: skip


def test_groups_of_one_example_are_examples():
    values = np.random.default_rng(0).normal(size=(2, 12))
    np.testing.assert_allclose(by_group(values, np.arange(12)), values)
    assert by_group(values, None) is values


def test_the_variance_by_group_is_the_jackknifes():
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(5), [1, 2, 3, 5, 9])
    values = generator.normal(size=20)
    left_out = np.array([values[groups != g].mean() for g in range(5)])
    jackknife = 4 / 5 * ((left_out - left_out.mean()) ** 2).sum()
    found = crossed_precision(by_group(values, groups)[None, :])
    assert float(found.variance) == pytest.approx(jackknife)


def test_examples_that_are_right_together_count_once():
    correct, groups, of_groups = whole_groups(np.random.default_rng(2), 2, 3, 40)
    study = grouped_study(correct, groups)
    alone = as_study({"depth": np.arange(2)}, np.ones((2, 3)), of_groups, of_groups[:, :, :8])
    found = generalization_gaps(study.replicates, study.splits)
    wanted = generalization_gaps(alone.replicates, alone.splits)
    for column in ("test_low", "test_high", "gap_low", "gap_high"):
        np.testing.assert_allclose(found[column], wanted[column])
    assert outcomes_on_test(study.replicates, study.splits).units == 40
    differences = [
        paired_difference(outcomes_on_test(one.replicates, one.splits), 0, 1)
        for one in (study, alone)
    ]
    assert differences[0].low == pytest.approx(differences[1].low)
    apart = [
        independent_difference(outcomes, 0, outcomes, 1)
        for outcomes in (outcomes_on_test(s.replicates, s.splits) for s in (study, alone))
    ]
    assert apart[0].high == pytest.approx(apart[1].high)
    chosen = [np.array([True, False]), np.array([False, True])]
    contrasts = [
        response_of(outcomes_on_test(s.replicates, s.splits), "test_accuracy").contrast(
            chosen, complete=True
        )[1]
        for s in (study, alone)
    ]
    assert contrasts[0].variance == pytest.approx(contrasts[1].variance)


def test_one_replicate_of_grouped_examples_is_not_compared_by_mcnemar():
    correct, groups, _ = whole_groups(np.random.default_rng(3), 2, 1, 30)
    study = grouped_study(correct, groups)
    outcomes = outcomes_on_test(study.replicates, study.splits)
    assert paired_difference(outcomes, 0, 1).method == "crossed"
    plain = study.splits.assign(test_groups=None)
    assert paired_difference(outcomes_on_test(study.replicates, plain), 0, 1).method == "mcnemar"


def test_a_perfect_trial_is_as_sure_as_its_groups_are_many():
    correct = np.ones((1, 3, 400), bool)
    study = grouped_study(correct, np.repeat(np.arange(20), 20))
    (row,) = generalization_gaps(study.replicates, study.splits).to_dict("records")
    assert row["test_low"] == pytest.approx(0.82, abs=0.02)  # of 20 out of 20


def test_one_group_says_nothing_of_others():
    correct = np.random.default_rng(4).random((2, 3, 50)) < 0.7
    study = grouped_study(correct, np.zeros(50, np.int64))
    row = generalization_gaps(study.replicates, study.splits).iloc[0]
    assert (row["test_low"], row["test_high"]) == (0.0, 1.0)
    assert (row["gap_low"], row["gap_high"]) == (pytest.approx(0.0), pytest.approx(1.0))
    found = paired_difference(outcomes_on_test(study.replicates, study.splits), 0, 1)
    assert found.p_value == 1.0


def test_a_resample_draws_groups_whole():
    generator = np.random.default_rng(5)
    validation, groups, of_groups = whole_groups(generator, 60, 2, 30)
    correct = generator.random((60, 2, 20)) < 0.8
    study = grouped_study(correct, np.arange(20), validation, groups)
    study.splits["validation_index"] = [np.arange(1000, 1300)] * 2
    drawn = outcomes_on_validation(study.replicates, study.splits).units[0]
    np.testing.assert_array_equal(drawn, groups)
    frames = (study.results, study.replicates)
    whole = selection_optimism(*frames, study.splits, resamples=400).iloc[0]
    torn = selection_optimism(*frames, study.splits.drop(columns="validation_groups"),
                              resamples=400).iloc[0]  # fmt: skip
    # The best of 60 on 30 independent groups is luckier than 300 examples let believe.
    assert whole["correction"] > 2 * torn["correction"]
    assert of_groups.mean() == pytest.approx(whole["corrected"], abs=0.04)


@pytest.mark.parametrize("evenness", [None, 1.0], ids=["equal", "unequal"])
def test_intervals_of_grouped_examples_contain_the_truth_as_often_as_they_say(evenness):
    found = coverage_with_groups(GroupedWorld(25, 1.0, evenness), 5, 600)
    for share in (found.accuracy, found.gap, found.difference):
        assert 0.915 <= share <= 0.975
    assert found.of_examples < 0.85
