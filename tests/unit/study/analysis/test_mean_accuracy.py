"""The interval of a mean accuracy is one of a proportion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.analysis.intervals.random_effects import Precision, mean_accuracy_interval


@given(
    accuracy=st.integers(0, 1000).map(lambda right: right / 1000),
    variance=st.one_of(st.just(0.0), st.floats(1e-9, 0.25)),
    degrees=st.floats(1.0, 1000.0),
    examples=st.integers(1, 10_000),
)
def test_it_stays_within_0_and_1_holds_the_mean_and_has_a_width(
    accuracy, variance, degrees, examples
):
    precision = Precision(np.asarray(variance), np.asarray(degrees))
    low, high = mean_accuracy_interval(accuracy, precision, examples)
    assert 0.0 <= low < high <= 1.0
    assert low - 1e-12 <= accuracy <= high + 1e-12


def test_where_nothing_is_known_of_the_precision_there_is_no_interval():
    unknown = Precision(np.asarray(np.nan), np.asarray(1.0))
    assert np.isnan(mean_accuracy_interval(0.5, unknown, 100)).all()


def test_far_from_the_ends_it_is_nearly_students():
    precision = Precision(np.asarray(0.0001), np.asarray(1e6))
    low, high = mean_accuracy_interval(0.5, precision, 100)
    assert (low, high) == pytest.approx((0.5 - 0.0196, 0.5 + 0.0196), abs=2e-4)
