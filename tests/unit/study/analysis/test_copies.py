"""Test rows whose features were trained on, and the accuracy on those that were not."""

import numpy as np
import pytest

from study.analysis import generalization_gaps
from study.analysis.copies import copies_in_test
from study.errors import InvalidInput
from tests.benchmarks.simulated import as_study


def study_with_copies(correct, copied):
    """Outcomes [R, N] of one trial, and which rows are copies [R, N]."""
    study = as_study(
        {"depth": [1]}, np.ones((1, len(correct))), correct[None], correct[None, :, :8]
    )
    study.splits["test_copies"] = list(copied)
    return study.replicates, study.splits


def test_rows_learned_by_heart_do_not_count():
    generator = np.random.default_rng(0)
    copied = generator.random((3, 400)) < 0.6
    correct = copied | (generator.random((3, 400)) < 0.5)
    found = copies_in_test(*study_with_copies(correct, copied), 0)
    assert found.rows == 400
    assert found.copies == pytest.approx(copied.sum() / 3)
    assert found.accuracy == pytest.approx(correct[~copied].mean())
    assert found.low < 0.5 < found.high
    assert 0.08 < found.high - found.low < 0.3  # of 166 rows a replicate, other ones each time


def test_the_interval_is_the_plain_one_of_the_rows_that_are_left():
    generator = np.random.default_rng(1)
    correct = generator.random((3, 400)) < 0.7
    copied = np.tile(np.arange(400) < 200, (3, 1))
    found = copies_in_test(*study_with_copies(correct, copied), 0)
    rest = as_study({"depth": [1]}, np.ones((1, 3)), correct[None, :, 200:], correct[None, :, :8])
    (wanted,) = generalization_gaps(rest.replicates, rest.splits).to_dict("records")
    assert found.accuracy == pytest.approx(wanted["test_accuracy"])
    assert found.low == pytest.approx(wanted["test_low"], abs=0.005)
    assert found.high == pytest.approx(wanted["test_high"], abs=0.005)


def test_groups_are_the_units_of_the_rows_that_are_left_as_well():
    generator = np.random.default_rng(2)
    correct = np.tile(np.repeat(generator.random(40) < 0.7, 10), (3, 1))
    copied = np.tile(np.arange(400) < 200, (3, 1))
    replicates, splits = study_with_copies(correct, copied)
    alone = copies_in_test(replicates, splits, 0)
    splits["test_groups"] = [np.repeat(np.arange(40), 10)] * 3
    grouped = copies_in_test(replicates, splits, 0)
    assert grouped.accuracy == alone.accuracy
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_a_trial_that_is_not_complete_is_refused():
    frames = study_with_copies(np.ones((2, 20), bool), np.ones((2, 20), bool))
    with pytest.raises(InvalidInput, match="trial 7 is not a complete trial"):
        copies_in_test(*frames, 7)
