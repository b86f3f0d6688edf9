"""Rows of a version that knew less hyperparameters: what it did not record is the default."""

from dataclasses import fields

import pandas as pd
import pytest

from study.analysis.trials import varying_hyperparameters, with_defaults
from workers.configuration import Configuration


@pytest.fixture
def results():
    """Two trials of the defaults, of which the first is of a version that knew nothing of some."""
    row = {hyperparameter.name: hyperparameter.default for hyperparameter in fields(Configuration)}
    frame = pd.DataFrame([row, row])
    frame["activation"] = pd.Categorical([None, "relu"])
    frame["topology"] = pd.Categorical(["residual", None])
    frame["depth"] = pd.array([None, 2], dtype="Int64")
    frame["dropout"] = [float("nan"), 0.0]
    return frame


def test_what_was_not_recorded_is_the_default(results):
    filled = with_defaults(results)
    assert filled["activation"].tolist() == ["relu", "relu"]
    assert filled["topology"].tolist() == ["residual", "feedforward"]
    assert filled["depth"].tolist() == [2, 2]
    assert filled["dropout"].tolist() == [0.0, 0.0]
    assert filled["early_stopping_patience"].isna().all(), "None is its default"
    assert filled["depth"].dtype == results["depth"].dtype
    assert isinstance(filled["activation"].dtype, pd.CategoricalDtype)


def test_a_hyperparameter_does_not_vary_because_it_was_not_recorded(results):
    assert varying_hyperparameters(results) == ["topology"]


def test_a_hyperparameter_that_may_be_none_is_none_by_default():
    """Else nobody could tell NULL from what was not recorded: workers/configuration.py."""
    for hyperparameter in fields(Configuration):
        if "None" in str(hyperparameter.type):
            assert hyperparameter.default is None, hyperparameter.name
