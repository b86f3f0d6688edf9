"""What a search does to the accuracy of its winner, ensembles, epochs and gradients."""

import numpy as np
import pandas as pd
import pytest

from study.analysis import (
    ensemble_curve,
    first_layer_gradients,
    gradient_flow,
    selection_optimism,
    within_run_overfitting,
)
from study.analysis.search.overtuning import overtuning
from study.errors import InvalidInput
from tests.benchmarks.coverage import selection_on_null_data
from tests.benchmarks.simulated import as_study, planted_study


def test_the_corrected_accuracy_of_a_winner_among_equals_is_right_in_the_mean():
    found = selection_on_null_data(60)
    assert found.naive > 2.0
    assert found.corrected == pytest.approx(0.0, abs=0.5)


def test_the_correction_lowers_the_winners_accuracy_and_grows_with_the_search():
    generator = np.random.default_rng(0)
    correct = generator.random((200, 2, 200)) < 0.9
    study = as_study({"depth": np.arange(200)}, np.ones((200, 2)), correct, correct)
    frames = (study.results, study.replicates, study.splits)
    table = selection_optimism(*frames, at=[1, 10, 200], resamples=300)
    assert table["correction"].is_monotonic_increasing
    assert table["correction"].iloc[0] == pytest.approx(0.0, abs=0.003)
    assert table["correction"].iloc[-1] > 0.02
    best = study.results["validation_accuracy"].idxmax()
    assert table["winner"].iloc[-1] == best


def test_a_clear_winner_needs_no_correction():
    generator = np.random.default_rng(0)
    rates = np.array([0.5, 0.5, 0.95])[:, None, None]
    correct = generator.random((3, 2, 300)) < rates
    study = as_study({"depth": np.arange(3)}, np.ones((3, 2)), correct, correct)
    found = selection_optimism(study.results, study.replicates, study.splits).iloc[0]
    assert found["winner"] == 2
    assert found["correction"] == pytest.approx(0.0, abs=0.002)


def test_the_same_seed_gives_the_same_correction():
    study = planted_study(np.random.default_rng(0), trials=10)
    frames = (study.results, study.replicates, study.splits)
    pd.testing.assert_frame_equal(selection_optimism(*frames), selection_optimism(*frames))


def test_a_truth_table_has_no_selection_optimism():
    study = planted_study(np.random.default_rng(0), trials=3)
    splits = study.splits.assign(validation_index=study.splits["test_index"])
    with pytest.raises(InvalidInput, match="truth table"):
        selection_optimism(study.results, study.replicates, splits)


def test_overtuning_is_what_earlier_incumbents_tested_better():
    results = pd.DataFrame(
        {
            "trial": [0, 1, 2, 3],
            "state": "COMPLETE",
            "duplicate_of": pd.array([None] * 4, dtype="Int64"),
            "validation_accuracy": [0.7, 0.8, 0.75, 0.9],
            "test_accuracy": [0.75, 0.85, 0.99, 0.8],
        }
    )
    table = overtuning(results)
    assert table["incumbent"].tolist() == [0, 1, 1, 3]
    assert table["overtuning"].tolist() == pytest.approx([0.0, 0.0, 0.0, 0.05])


def members_of(trials, replicates, size, accuracy):
    rows = [
        (trial, replicate, member, 1.0, accuracy(trial, replicate, member))
        for trial in range(trials)
        for replicate in range(replicates)
        for member in range(size)
    ]
    columns = ["trial", "replicate", "member", "subset_train_accuracy", "subset_test_accuracy"]
    return pd.DataFrame(rows, columns=columns)


def results_of(trials):
    return pd.DataFrame(
        {
            "trial": np.arange(trials),
            "state": "COMPLETE",
            "duplicate_of": pd.array([None] * trials, dtype="Int64"),
        }
    )


def test_the_ensemble_curve_is_paired_with_single_members():
    # Trials differ far more than sizes do; only pairing shows the gain.
    accuracy = lambda t, r, m: 0.5 + 0.1 * t + 0.01 * m + 0.001 * ((t + r + m) % 2)  # noqa: E731
    table = ensemble_curve(results_of(4), members_of(4, 3, 3, accuracy))
    assert table["size"].tolist() == [1, 2, 3]
    assert table["gain"].tolist() == pytest.approx([0.0, 0.01, 0.02], abs=1e-3)
    assert table["gain_low"].iloc[2] > 0.015
    assert table["gap_change"].tolist() == pytest.approx((-table["gain"]).tolist())


def test_of_a_complete_grid_only_replicates_vary():
    accuracy = lambda t, r, m: 0.5 + 0.01 * m * (t + 1) + 0.001 * ((r + m) % 2)  # noqa: E731
    frames = results_of(3), members_of(3, 4, 2, accuracy)
    sampled, complete = ensemble_curve(*frames), ensemble_curve(*frames, complete=True)
    assert complete["gain"].tolist() == sampled["gain"].tolist()
    assert complete["gain_high"].iloc[1] < sampled["gain_high"].iloc[1] - 0.01


def test_single_networks_have_no_ensemble_curve():
    assert ensemble_curve(results_of(2), members_of(2, 3, 1, lambda *_: 0.5)).empty


def test_stopping_too_late_costs_test_accuracy():
    curves = pd.DataFrame(
        [
            (0, replicate, epoch, validation, test - 0.01 * replicate * (epoch == 30))
            for replicate in range(2)
            for epoch, validation, test in [(1, 0.5, 0.5), (10, 0.9, 0.88), (30, 0.85, 0.84)]
        ],
        columns=["trial", "replicate", "epoch", "validation_accuracy", "test_accuracy"],
    )
    (row,) = within_run_overfitting(curves).to_dict("records")
    assert (row["best_epoch"], row["last_epoch"]) == (10, 30)
    assert row["validation_drop"] == pytest.approx(0.05)
    assert row["test_drop"] == pytest.approx(0.045)
    assert row["test_drop_low"] < 0.045 < row["test_drop_high"]


def test_a_vanishing_gradient_shows_as_a_small_share_of_the_last_layers():
    results = pd.DataFrame(
        {"trial": [0], "depth": [3], "activation": ["sigmoid"], "initialization": ["uniform"]}
    )
    layers = pd.DataFrame(
        [
            (0, replicate, layer, epoch, norm, 0.1)
            for replicate in range(2)
            for layer, norm in [(1, 1e-4), (2, 1e-2), (3, 1.0)]
            for epoch in (0, 30)
        ],
        columns=["trial", "replicate", "layer", "epoch", "gradient_norm", "saturated"],
    )
    flow = gradient_flow(results, layers)
    assert flow["relative_gradient"].tolist() == pytest.approx([1e-4, 1e-4, 1e-2, 1e-2, 1, 1])
    (row,) = first_layer_gradients(results, layers).to_dict("records")
    assert row["initial_gradient"] == pytest.approx(1e-4)
    assert row["initial_ratio"] == pytest.approx(1e-4)
