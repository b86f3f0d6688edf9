"""Trials survive the way into rows and back."""

import math
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from storage.database.attributes import attribute_rows
from storage.trials.conversion import (
    from_frozen_trial,
    stored_repr_to_value,
    to_frozen_trial,
    to_local,
    to_utc,
    value_to_stored_repr,
)
from tests.integration.storage.trials import same, trials


@given(st.floats())
def test_every_number_survives(value: float):
    back = stored_repr_to_value(*value_to_stored_repr(value))
    assert back == value or (math.isnan(back) and math.isnan(value))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_metrics_are_written_as_json_would(value: float):
    assert float(attribute_rows({"a": value})[0][1]) == value


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))
def test_moments_survive_the_way_to_local_time_and_back(moment: datetime):
    local = to_local(moment)
    assert local is not None
    assert to_utc(local.astimezone(UTC)) in {moment, to_utc(local)}


@given(trials())
def test_every_trial_survives(trial):
    assert same(to_frozen_trial(from_frozen_trial(trial, trial_id=7, number=3)), trial, number=3)
