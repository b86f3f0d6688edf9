"""Inputs that were constant in training have no trained weight, and count for nothing."""

import numpy as np
import pytest

from workers.data import DataSource
from workers.data.dataset import build_dataset
from workers.data.preprocessing import fit_preprocessing, prepare_features

TRAIN = np.arange(6)


def data(untrained_inputs="zero", *, truth_table=False):
    """Ten examples of which six are trained on: a column that varies there; one that is always 0.1
    there; one that is missing in test alone; one that is missing in all of train."""
    numeric = np.tile(np.arange(10.0)[:, None], (1, 4))
    numeric[TRAIN, 1] = 0.1
    if not truth_table:
        numeric[8:, 2] = np.nan
        numeric[TRAIN, 3] = np.nan
    return build_dataset(
        source=DataSource("own", untrained_inputs=untrained_inputs),
        name="own",
        numeric=numeric,
        target=np.arange(10) % 2,
        names=["varies", "constant", "complete", "absent"],
        is_truth_table=truth_table,
    )


def test_an_input_that_is_constant_in_training_is_zero_everywhere():
    features = prepare_features(data(), TRAIN)
    assert features.shape == (10, 4 + 2)  # two columns have an indicator of missing values
    varies, constant, complete, absent, complete_missing, absent_missing = features.T
    for untrained in (constant, absent, complete_missing, absent_missing):
        assert not untrained.any()
    for trained in (varies, complete):
        assert trained[TRAIN].std() == pytest.approx(1.0)
        assert trained[7] > trained[5]


def test_where_they_are_kept_such_inputs_are_what_they_were():
    features = prepare_features(data("kept"), TRAIN)
    _, constant, _, absent, complete_missing, absent_missing = features.T
    assert constant[6:].tolist() == pytest.approx([5.9, 6.9, 7.9, 8.9])
    assert absent[6:].tolist() == [6.0, 7.0, 8.0, 9.0]
    assert complete_missing.tolist() == [0.0] * 8 + [1.0] * 2
    assert absent_missing.tolist() == [1.0] * 6 + [0.0] * 4


def test_both_are_one_where_every_input_varies_in_training():
    everything = np.arange(10)
    kept, zero = (prepare_features(data(which), everything) for which in ("kept", "zero"))
    assert kept.tobytes() == zero.tobytes()


def test_a_truth_table_is_left_as_it_is():
    table = data(truth_table=True)
    assert prepare_features(table, TRAIN).tobytes() == table.numeric.tobytes()


def test_the_preprocessing_says_which_inputs_were_trained():
    fitted = fit_preprocessing(data(), TRAIN)
    assert fitted.numbers_trained == (True, False, True, False)
    assert fitted.indicators_trained[2:] == (False, False)
    assert fit_preprocessing(data("kept"), TRAIN).numbers_trained == (True,) * 4
