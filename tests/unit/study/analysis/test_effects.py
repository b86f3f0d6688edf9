"""Effects, importances and which trials count."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.analysis import distinct_trials, importances, marginal_effects
from study.analysis.effects.fanova import variance_shares
from study.analysis.effects.population import levels_of
from study.errors import InvalidInput
from tests.benchmarks.coverage import planted_effect
from tests.benchmarks.simulated import planted_study

NAMES = ["depth", "learning_rate", "activation", "dropout"]


@pytest.fixture(scope="module")
def planted():
    return planted_study(np.random.default_rng(0))


def test_a_planted_effect_is_ranked_first_and_the_others_contain_zero_as_often_as_they_say():
    found = planted_effect(40)
    assert found.ranked_first == 1.0
    assert 0.91 < found.null_coverage < 0.98


@pytest.mark.parametrize("measure", ["fanova", "ped_anova"])
def test_both_measures_of_importance_find_the_planted_effect_in_a_large_study(measure):
    study = planted_study(np.random.default_rng(0), trials=300)
    table = importances(study.results, study.splits, NAMES).table
    assert table.set_index("hyperparameter")[measure].idxmax() == "dropout"


def test_an_effect_is_a_levels_mean_less_that_of_the_other_trials(planted):
    table = marginal_effects(planted.results, planted.replicates, planted.splits, ["dropout"]).table
    results = planted.results
    inside = results["dropout"] == 0.5
    gap = results["generalization_gap"]
    row = table[table["level"] == "0.5"].iloc[0]
    assert row["mean"] == pytest.approx(gap[inside].mean())
    assert row["effect"] == pytest.approx(gap[inside].mean() - gap[~inside].mean())
    assert row["effect_high"] < 0  # dropout does lower the gap
    assert table["trials"].sum() == len(results)


def test_what_was_chosen_adaptively_is_called_descriptive(planted):
    frames = (planted.results, planted.replicates, planted.splits, NAMES)
    assert not marginal_effects(*frames).descriptive
    assert marginal_effects(*frames, descriptive=True).descriptive
    assert importances(planted.results, planted.splits, NAMES, descriptive=True).descriptive


def test_a_copied_trial_counts_once(planted):
    copies = planted.results.assign(
        duplicate_of=pd.array([None] * 59 + [0], dtype="Int64"),
    )
    assert len(distinct_trials(copies)) == 59
    found = marginal_effects(copies, planted.replicates, planted.splits, ["dropout"]).table
    assert found["trials"].sum() == 59


def test_effects_can_be_had_of_the_trials_that_learned_alone(planted):
    splits = planted.splits.assign(
        majority_test_accuracy=planted.results["train_accuracy"].median() - 0.03
    )
    table = marginal_effects(
        planted.results, planted.replicates, splits, ["dropout"], only_learned=True
    ).table
    assert 0 < table["trials"].sum() < len(planted.results)


def test_a_level_with_one_trial_has_a_mean_and_no_interval(planted):
    results = planted.results.assign(depth=[9] + [1] * 59)
    frames = (results, planted.replicates, planted.splits)
    alone = marginal_effects(*frames, ["depth"]).table.set_index("level").loc["9"]
    assert alone["mean"] == pytest.approx(results["generalization_gap"].iloc[0])
    assert np.isnan(alone["low"])
    assert np.isnan(alone["p_value"])


def test_many_values_are_cut_at_their_quartiles_and_few_are_levels():
    assert levels_of(pd.Series([1, 2, 2, 4])).cat.categories.tolist() == ["1", "2", "4"]
    quartiles = levels_of(pd.Series(np.arange(100.0)))
    assert quartiles.value_counts().tolist() == [25, 25, 25, 25]
    epochs = levels_of(pd.Series(np.arange(20)))
    assert epochs.cat.categories.tolist() == ["0 – 4", "5 – 9", "10 – 14", "15 – 19"]
    patience = levels_of(pd.Series(pd.array([5, None, 3], dtype="Int64")))
    assert patience.cat.categories.tolist() == ["3", "5", "none"]


@given(
    st.sets(
        st.floats(1e-9, 1e9) | st.sampled_from([0.01, 0.010000001, 0.3, 0.1 + 0.2]),
        min_size=1,
        max_size=8,
    )
)
def test_levels_are_told_apart_however_near_they_are(numbers):
    levels = levels_of(pd.Series(sorted(numbers)))
    assert levels.nunique() == len(numbers)
    assert sorted(numbers) == pytest.approx([float(label) for label in levels], rel=1e-5)


def test_levels_have_no_more_digits_than_tell_them_apart():
    def labels(values):
        return levels_of(pd.Series(values)).cat.categories.tolist()

    assert labels([0.1, 0.25]) == ["0.1", "0.25"]
    assert labels([0.01, 0.010000001]) == ["0.01", "0.010000001"]
    assert labels([1234567, 1234568]) == ["1234567", "1234568"]
    near = 0.01 + 1e-9 * np.arange(40)
    quartiles = levels_of(pd.Series(near))
    assert len(set(quartiles.cat.categories)) == 4
    assert quartiles.cat.categories[0] == "0.01 – 0.01000001"


def test_shares_of_variance_follow_the_variances():
    points = np.random.default_rng(0).random((600, 3))
    values = 2.0 * points[:, 0] + points[:, 1]
    shares, r_squared = variance_shares(points, values)
    assert r_squared > 0.9
    assert shares == pytest.approx([0.8, 0.2, 0.0], abs=0.06)
    assert shares.sum() <= 1.0


def test_an_interaction_belongs_to_no_single_hyperparameter():
    points = np.random.default_rng(0).random((800, 2))
    values = np.sign(points[:, 0] - 0.5) * np.sign(points[:, 1] - 0.5)
    shares, _ = variance_shares(points, values)
    assert shares.sum() < 0.15


def test_a_forest_that_knows_nothing_says_so_out_of_bag():
    generator = np.random.default_rng(0)
    points, noise = generator.random((60, 3)), generator.normal(size=60)
    shares, r_squared = variance_shares(points, noise)
    assert shares.sum() > 0.3  # of what it fitted
    assert r_squared < 0.1


def test_importances_need_some_trials(planted):
    with pytest.raises(InvalidInput, match="8 trials, there are 4"):
        importances(planted.results.head(4), planted.splits, NAMES)


def test_where_nothing_varies_nothing_is_important(planted):
    constant = planted.results.assign(generalization_gap=0.1)
    table = importances(constant, planted.splits, NAMES).table
    assert (table[["fanova", "ped_anova"]] == 0.0).all(axis=None)


def test_the_trials_of_a_complete_grid_are_no_sample(planted):
    frames = (planted.results, planted.replicates, planted.splits, ["dropout"])
    sampled = marginal_effects(*frames).table
    complete = marginal_effects(*frames, complete=True).table
    assert complete["mean"].tolist() == pytest.approx(sampled["mean"].tolist())
    widths = [table["effect_high"] - table["effect_low"] for table in (complete, sampled)]
    narrower = widths[0] < widths[1]
    assert narrower.all()


def test_in_a_complete_grid_a_level_with_one_trial_has_an_interval(planted):
    results = planted.results.assign(depth=[9] + [1] * 59)
    frames = (results, planted.replicates, planted.splits, ["depth"])
    for quantity in ("generalization_gap", "test_accuracy", "train_accuracy"):
        table = marginal_effects(*frames, quantity, complete=True).table
        assert (table["low"] < table["mean"]).all()
        assert (table["effect_low"] < table["effect_high"]).all()
