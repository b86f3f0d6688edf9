"""What fresh replicates say of a trial, and what a pick says without them."""

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from study.analysis.confirmation import (
    ConfirmedTrial,
    confirmed_trials,
    failed_seeds,
    next_accuracy,
)
from study.analysis.measurements import ConfirmationFrames, Measurements
from study.analysis.search.seed_luck import luck_of_winner
from study.report.sentences.confirmation import headline, selection_luck, unconfirmed
from tests.benchmarks.simulated import as_study
from workers.configuration import Configuration

HALVES = np.array([50, 50])


def trained(losses, accuracies=None, *, diverged=(), members=1, classes=HALVES, examples=100):
    """replicates, members and splits of a trial whose replicates are numbered from 3 on."""
    numbers = [3 + place for place in range(len(losses))]
    replicates = pd.DataFrame(
        {
            "trial": 0,
            "replicate": numbers,
            "train_loss": losses,
            "train_accuracy": accuracies or [0.9] * len(losses),
            "train_examples": examples,
        }
    )
    networks = [(r, m) for r in numbers for m in range(members)]
    own = pd.DataFrame(
        {
            "trial": 0,
            "replicate": [r for r, _ in networks],
            "member": [m for _, m in networks],
            "diverged": pd.array([n in diverged for n in networks], dtype="boolean"),
        }
    )
    splits = pd.DataFrame(
        {
            "replicate": numbers,
            "train_classes": [classes] * len(losses),
            "majority_test_accuracy": 0.5,
            "validation_index": [np.arange(10)] * len(losses),
            "test_index": [np.arange(10, 20)] * len(losses),
        }
    )
    return replicates, own, splits


def test_a_seed_failed_where_its_training_loss_is_that_of_the_classes_frequencies():
    # Of 100 examples of two classes the entropy is 0.6931; 3.84 / 200 less is chance.
    assert failed_seeds(*trained([0.6931, 0.68, 0.67, 0.1, 0.9])).tolist() == [
        *(True, True, False, False, True)
    ]
    assert failed_seeds(*trained([0.68], examples=1000)).tolist() == [False]


def test_a_seed_failed_where_all_of_its_networks_diverged():
    assert failed_seeds(*trained([0.1, 0.1], diverged={(4, 0)})).tolist() == [False, True]
    one_of_two = trained([0.1, 0.1], diverged={(4, 0)}, members=2)
    assert failed_seeds(*one_of_two).tolist() == [False, False]


def test_where_classes_were_not_recorded_the_training_accuracy_decides():
    old = trained([0.1, 0.1], [0.5, 0.51], classes=None)
    assert failed_seeds(*old).tolist() == [True, False]
    unknown = (old[0], old[1], old[2].assign(majority_test_accuracy=np.nan))
    assert failed_seeds(*unknown).tolist() == [False, False]


def test_the_range_of_the_next_network_is_students_and_stays_within_0_and_1():
    low, high = next_accuracy(np.array([0.5, 0.6, 0.7]), 40)
    reach = 4.3027 * 0.1 * np.sqrt(4 / 3)  # Student's quantile for two degrees of freedom
    assert (low, high) == pytest.approx((0.6 - reach, 1.0), abs=1e-4)


def test_the_range_of_the_next_network_is_never_a_single_value():
    assert next_accuracy(np.array([0.9, 0.9]), 40) == pytest.approx((0.875, 0.925))
    assert next_accuracy(np.array([1.0, 1.0]), 40) == (0.975, 1.0)


def confirmed_study(
    accuracies=(0.9,) * 10,
    *,
    dead=(),
    classes=HALVES,
    searched=0.95,
    failed_in_search=0,
    baseline=(),
):
    """A study of two trials, of which trial 1, the winner, is confirmed."""
    generator = np.random.default_rng(0)
    defaults = {f.name: f.default for f in fields(Configuration)}
    search = as_study(defaults, np.ones((2, 3)), *[np.ones((2, 3, 40), bool)] * 2)
    fresh = len(accuracies)
    correct = np.arange(400) < 400 * np.array(accuracies)[:, None]
    correct = generator.permuted(correct, axis=1)[None]
    confirmed = as_study({}, np.ones((1, fresh)), correct, np.ones((1, fresh, 40), bool))
    numbers = 3 + np.arange(fresh)
    losses = np.where(np.isin(np.arange(fresh), dead), np.log(2.0), 0.1)
    frames = ConfirmationFrames(
        replicates=confirmed.replicates.assign(
            trial=1,
            replicate=numbers,
            test_accuracy=accuracies,
            train_loss=losses,
            train_examples=100,
        ),
        members=pd.DataFrame(
            {
                "trial": 1,
                "replicate": numbers,
                "member": 0,
                "diverged": pd.array([False] * fresh, dtype="boolean"),
            }
        ),
        splits=confirmed.splits.assign(replicate=numbers, train_classes=[classes] * fresh),
    )
    results = search.results.assign(
        validation_accuracy=[0.9, 0.96],
        test_accuracy=[0.9, searched],
        train_loss=0.1,
        balanced_test_accuracy=0.9,
    )
    losses = np.where(np.arange(6) < failed_in_search, np.log(2.0), 0.1)
    rows = search.replicates.assign(train_loss=losses, train_examples=100)
    specification = {
        "objective": ["validation_accuracy"],
        "training": {"replicates": 3},
        "baseline": list(baseline),
    }
    return Measurements(
        run=SimpleNamespace(study="made up", specification=specification),
        results=results,
        replicates=rows,
        members=rows[["trial", "replicate"]].assign(member=0, diverged=False),
        learning_curves=pd.DataFrame(),
        layer_statistics=pd.DataFrame(),
        splits=search.splits.assign(train_classes=[HALVES] * 3, test_classes=[HALVES] * 3),
        confirmation=frames,
    )


def test_a_confirmed_trial_has_its_mean_and_says_how_lucky_its_search_was():
    (found,) = confirmed_trials(confirmed_study())
    assert (found.trial, found.replicates, found.failed) == (1, 10, 0)
    assert found.test_accuracy == pytest.approx(0.9)
    assert found.test_low < 0.9 < found.test_high
    assert found.luck == pytest.approx(0.05)
    assert found.next_low <= 0.9 <= found.next_high
    assert not found.observed
    assert found.failed_high == pytest.approx(0.278, abs=0.001)


def test_where_some_seeds_fail_the_range_that_was_seen_stands_for_the_next_one():
    (found,) = confirmed_trials(confirmed_study([0.9] * 8 + [0.1, 0.12], dead=(8, 9)))
    assert found.observed
    assert (found.next_low, found.next_high) == (0.1, 0.9)
    assert found.failed == 2
    said = headline(found)
    assert "the 10 lay between 10.0 % and 90.0 %" in said
    assert "2 of 10 seeds failed" in said
    assert "probably be between" not in said


def test_a_trial_without_confirmation_is_not_among_the_confirmed():
    assert confirmed_trials(replace(confirmed_study(), confirmation=None)) == ()


TRIAL = ConfirmedTrial(
    trial=17,
    replicates=10,
    members=1,
    train_accuracy=0.99,
    test_accuracy=0.921,
    test_low=0.91,
    test_high=0.932,
    generalization_gap=0.069,
    gap_low=0.05,
    gap_high=0.08,
    next_low=0.9,
    next_high=0.94,
    observed=False,
    fragile=False,
    failed=0,
    failed_low=0.0,
    failed_high=0.278,
    search_replicates=3,
    search_test_accuracy=0.95,
)


def test_the_headline_names_mean_interval_next_network_and_failures():
    assert headline(TRIAL) == (
        "Confirmed on 10 fresh replicates, trial 17 is right on 92.1 % of test examples (95 % "
        "interval 91.0 % to 93.2 %); one next network will probably be between 90.0 % and 94.0 %; "
        "none of 10 seeds failed, so of all seeds at most 28 % probably do."
    )
    assert "one next ensemble of 4 will" in headline(replace(TRIAL, members=4))
    assert "all 10 seeds failed to learn" in headline(replace(TRIAL, failed=10))


def test_luck_is_told_only_where_the_search_was_above_the_interval():
    assert "gave trial 17 95.0 %: 2.9 points of that were the luck" in selection_luck(TRIAL)
    assert selection_luck(replace(TRIAL, search_test_accuracy=0.93)) == ""
    assert selection_luck(replace(TRIAL, search_test_accuracy=0.90)) == ""


def scores(generator, true, noise, replicates=3, shared=0.0):
    """Validation and test means [T, R] of trials of these true values: seeds move both alike."""
    luck = generator.normal(0.0, noise, (len(true), replicates))
    common = generator.normal(0.0, 1.0, replicates) * shared
    both = np.asarray(true)[:, None] + luck + common
    return both, both + generator.normal(0.0, 1e-4, both.shape)


def test_equal_trials_are_picked_by_luck_alone():
    generator = np.random.default_rng(3)
    found = [
        (luck_of_winner(v, t).excess, t[v.mean(axis=1).argmax()].mean() - 0.9)
        for v, t in (scores(generator, [0.9] * 30, 0.02) for _ in range(100))
    ]
    expected, measured = np.mean(found, axis=0)
    assert measured == pytest.approx(2.04 * 0.02 / np.sqrt(3), rel=0.1)  # the most of 30 normals
    assert expected == pytest.approx(measured, rel=0.15)


def test_what_replicates_do_to_all_trials_alike_is_no_luck_of_the_winner():
    generator = np.random.default_rng(4)
    alike = luck_of_winner(*scores(generator, np.linspace(0.5, 0.9, 9), 1e-5, shared=0.1))
    assert alike.excess < 1e-4


def test_a_winner_far_ahead_and_trials_that_learn_nothing_have_no_part_in_luck():
    generator = np.random.default_rng(5)
    ahead = luck_of_winner(*scores(generator, [0.9] + [0.5] * 10, 0.01))
    assert (ahead.excess, ahead.contenders) == (0.0, 1)
    few = luck_of_winner(*scores(generator, [0.9] * 10 + [0.1] * 9, 0.01))
    assert few.contenders == 10


def searched(replicates=3, true=(0.9,) * 20, noise=0.03):
    """A study that was searched and not confirmed."""
    validation, test = scores(np.random.default_rng(6), true, noise, replicates)
    rows = pd.DataFrame(
        {
            "trial": np.repeat(np.arange(len(true)), replicates),
            "replicate": np.tile(np.arange(replicates), len(true)),
            "train_accuracy": 1.0,
            "validation_accuracy": validation.ravel(),
            "test_accuracy": test.ravel(),
        }
    )
    results = pd.DataFrame(
        {
            "trial": np.arange(len(true)),
            "state": "COMPLETE",
            "duplicate_of": pd.array([None] * len(true), dtype="Int64"),
            "train_loss": 0.1,
            "balanced_test_accuracy": 0.9,
        }
    )
    made = confirmed_study()
    specification = {"objective": ["validation_accuracy"], "training": {"replicates": replicates}}
    run = SimpleNamespace(study="made up", specification=specification)
    return replace(made, run=run, results=results, replicates=rows, confirmation=None)


def test_what_is_said_of_a_pick_that_nobody_confirmed():
    said = unconfirmed(searched(), 0)
    assert said.startswith("These are the networks that were picked; the configuration's own ")
    assert "another of 20 trials could have been the best" in said
    assert "study confirm 'made up' measures it" in said
    assert "cannot be said from one replicate" in unconfirmed(searched(replicates=1), 0)
    ahead = unconfirmed(searched(true=[0.9, 0.3, 0.2]), 0)
    assert "no other trial came near enough" in ahead
    assert "probably lower" not in ahead
    assert "differ so little" in unconfirmed(searched(noise=1e-6, true=(0.9,) * 20), 0)


def test_nothing_is_said_of_a_pick_that_is_confirmed_or_was_none():
    confirmed = replace(searched(), confirmation=confirmed_study().confirmation)
    assert unconfirmed(confirmed, 1) == ""
    assert unconfirmed(confirmed, 0) != ""
    assert unconfirmed(searched(true=[0.9]), 0) == ""
    by_size = searched()
    by_size.run.specification["objective"] = ["parameters"]
    assert unconfirmed(by_size, 0) == ""
