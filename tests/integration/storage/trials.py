"""Trials as Optuna allows them, for property tests."""

import copy
import math
from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=12)
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _NUMBERS | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2037, 1, 1)).filter(
    # The hour that a change of clocks skips or repeats has no one naive local time.
    lambda moment: moment.astimezone().replace(tzinfo=None) == moment and moment.fold == 0
)
_CHOICES = ("relu", None, True, 3, 2.5)
_PARAMETERS: dict[str, tuple[BaseDistribution, st.SearchStrategy[Any]]] = {
    "depth": (IntDistribution(1, 9, step=2), st.sampled_from([1, 3, 5, 7, 9])),
    "width": (IntDistribution(1, 1024, log=True), st.integers(1, 1024)),
    "rate": (FloatDistribution(1e-9, 1.0, log=True), st.floats(1e-9, 1.0)),
    "dropout": (FloatDistribution(0.0, 0.5, step=0.25), st.sampled_from([0.0, 0.25, 0.5])),
    "activation": (CategoricalDistribution(_CHOICES), st.sampled_from(_CHOICES)),
}


@st.composite
def trials(draw: st.DrawFn, objectives: int = 1) -> FrozenTrial:
    """A trial in any state, with parameters, attributes and reports."""
    state = draw(st.sampled_from(list(TrialState)))
    names = draw(st.permutations(list(_PARAMETERS)))[: draw(st.integers(0, len(_PARAMETERS)))]
    values = None
    if state in {TrialState.COMPLETE, TrialState.PRUNED}:
        number = st.floats(allow_nan=False)
        values = draw(st.lists(number, min_size=objectives, max_size=objectives))
    return FrozenTrial(
        number=0,
        state=state,
        value=None,
        values=values,
        datetime_start=None if state is TrialState.WAITING else draw(_MOMENTS),
        datetime_complete=draw(_MOMENTS) if state.is_finished() else None,
        params={name: draw(_PARAMETERS[name][1]) for name in names},
        distributions={name: _PARAMETERS[name][0] for name in names},
        user_attrs=draw(st.dictionaries(_TEXT, _JSON, max_size=4)),
        system_attrs=draw(st.dictionaries(_TEXT, _JSON, max_size=4)),
        intermediate_values=draw(
            st.dictionaries(st.integers(0, 2**31 - 1), st.floats(), max_size=4)
        ),
        trial_id=-1,
    )


def same(one: FrozenTrial, other: FrozenTrial, number: int | None = None) -> bool:
    """Whether two trials are equal to the bit, in the order of their parameters too.

    number, if given, is what one's number must be; ids are not compared.
    """
    expected = other.number if number is None else number
    return one.number == expected and _plain(one) == _plain(other)


def _plain(trial: FrozenTrial) -> tuple[Any, ...]:
    def exact(value: Any) -> Any:
        if isinstance(value, float):
            # SQLite keeps whole numbers as integers, which have no -0.0.
            return "nan" if math.isnan(value) else (value + 0.0).hex()
        if isinstance(value, dict):
            return {key: exact(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [exact(inner) for inner in value]
        return (type(value), value)

    plain = copy.copy(trial)
    return (
        plain.state,
        plain.datetime_start,
        plain.datetime_complete,
        exact(plain.values),
        list(plain.params),
        exact(plain.params),
        plain.distributions,
        exact(plain.user_attrs),
        exact(plain.system_attrs),
        exact(plain.intermediate_values),
    )
