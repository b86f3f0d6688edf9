"""What a report says of the data and the replicates: when it must be said, and when it must not."""

from types import SimpleNamespace

import numpy as np
import pytest

from study.analysis import Measurements
from study.report.sentences.data_notes import (
    COVERED_WITH_FEW,
    copies,
    few_replicates,
    groups_as_units,
    shared_training_rows,
)
from tests.benchmarks.coverage import WORLDS, coverage_of_accuracy, coverage_of_gap
from tests.benchmarks.simulated import as_study


def measured(*, correct=None, group=None, replicates=2, **columns):
    """A study of one trial on 40 test rows, 20 to validate on and 100 to train on."""
    if correct is None:
        correct = np.random.default_rng(0).random((1, replicates, 40)) < 0.8
    replicates = correct.shape[1]
    study = as_study({"depth": [1]}, np.ones((1, replicates)), correct, correct[:, :, :20])
    splits = study.splits.assign(train_examples=100, groups=None, **columns)
    for name in ("test_groups", "test_copies"):
        if name not in columns:
            splits[name] = None
    run = SimpleNamespace(study="own", specification={"data": {"group": group}})
    return Measurements(run, study.results, study.replicates, None, None, None, splits)


def truth_table():
    table = [np.arange(40)] * 2
    return measured(validation_index=table, test_copies=[np.ones(40, bool)] * 2)


def test_groups_are_counted_where_there_are_groups():
    study = measured(group="patient", test_groups=[np.arange(40) // 4] * 2)
    study.splits["groups"] = 36
    note = groups_as_units(study)
    assert note == (
        "The 160 rows are of 36 groups, 10 of them in test; a group is the unit of every "
        "interval of an accuracy and of its gap."
    )
    assert groups_as_units(measured()) is None


def test_a_single_group_in_test_is_no_unit_of_an_interval():
    groups = [np.zeros(40, np.int64)] * 2
    study = measured(group="patient", test_groups=groups)
    study.splits["groups"] = 9
    note = groups_as_units(study)
    assert "all test rows are of one" in note
    assert "unit of every" not in note


def test_groups_that_an_earlier_version_did_not_record_are_no_units():
    note = groups_as_units(measured(group="patient"))
    assert "too narrow" in note


def test_copies_are_counted_and_left_out():
    correct = np.ones((1, 2, 40), bool)
    correct[:, :, 30:] = np.arange(10) % 2 == 0
    copied = [np.arange(40) < 30] * 2
    note = copies(measured(correct=correct, test_copies=copied), 0)
    assert note.startswith(
        "30 of the 40 test rows in the mean of the replicates have the same features as a training "
        "row; on the 10 that are no such copies trial 0 is right on 50.0 % ("
    )


def test_where_every_test_row_is_a_copy_nothing_is_left():
    note = copies(measured(test_copies=[np.ones(40, bool)] * 2), 0)
    assert note.startswith("All 40 test rows")
    assert "right on" not in note


@pytest.mark.parametrize(
    "study",
    [measured(test_copies=[np.zeros(40, bool)] * 2), measured(), truth_table()],
    ids=["no copies", "not recorded", "a truth table"],
)
def test_where_there_are_no_copies_nothing_is_said_of_them(study):
    assert copies(study, 0) is None


def test_replicates_that_train_on_the_same_rows_show_no_luck_of_rows():
    same = measured(validation_index=[np.arange(100, 120)] * 2)
    assert "All replicates train on the same rows" in shared_training_rows(same)


def test_replicates_that_share_nearly_all_training_rows_show_little_of_it():
    nearly = measured(validation_index=[np.arange(100, 120), np.arange(105, 125)])
    assert "Replicates share 95 % of their training rows" in shared_training_rows(nearly)


@pytest.mark.parametrize(
    "study",
    [
        measured(validation_index=[np.arange(100, 120), np.arange(120, 140)]),
        measured(replicates=1),
        truth_table(),
    ],
    ids=["rows of their own", "one replicate", "a truth table"],
)
def test_of_replicates_with_rows_of_their_own_nothing_is_said(study):
    assert shared_training_rows(study) is None


def test_few_replicates_are_said_with_what_their_intervals_cover():
    assert few_replicates(1).startswith("One replicate: intervals are of these networks")
    assert "cover about 88 %" in few_replicates(2)
    assert "cover about 92 %" in few_replicates(3)
    assert few_replicates(4) is None
    assert few_replicates(5) is None


def test_on_a_truth_table_two_replicates_cover_what_they_say_and_one_shows_no_luck():
    assert few_replicates(2, truth_table=True) is None
    assert "these networks" in few_replicates(1, truth_table=True)


@pytest.mark.parametrize("replicates", COVERED_WITH_FEW)
def test_the_figures_of_few_replicates_are_those_that_are_measured(replicates):
    differ = next(world for world in WORLDS if world.name == "replicates differ")
    said = float(COVERED_WITH_FEW[replicates].split()[1]) / 100
    assert coverage_of_accuracy(differ, replicates, 1000) == pytest.approx(said, abs=0.02)
    assert coverage_of_gap(differ, replicates, 1000) == pytest.approx(said, abs=0.02)


def test_one_replicate_covers_its_recipe_far_less_often_than_five():
    differ = next(world for world in WORLDS if world.name == "replicates differ")
    assert coverage_of_accuracy(differ, 1, 500) < 0.6
