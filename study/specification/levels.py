"""The levels of a hyperparameter, by index: no range is ever written out.

A stepped range has exactly the levels low + k · step in decimals. Whatever is near one of them, as
0.1 + 0.2 is near 0.3, is another spelling of that level.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from study.specification.plain_values import as_yaml

Space = Mapping[str, BaseDistribution]
# How far from a level, in steps, a number may be that is meant to be it.
_SPELLING = 1e-8
# … and in parts of the number itself: a few roundings of a double.
_ROUNDING = 1e-15


def level_count(distribution: BaseDistribution) -> int | None:
    """How many levels there are; None: a continuum."""
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    number = _numeric(distribution)
    if number.low == number.high:
        return 1
    if number.step is None:
        return None
    if isinstance(number, IntDistribution):
        return (number.high - number.low) // number.step + 1
    return round((_decimal(number.high) - _decimal(number.low)) / _decimal(number.step)) + 1


def level_at(distribution: BaseDistribution, index: int) -> Any:
    """The level with this index, from 0 on; the distribution must not be a continuum."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[index]
    number = _numeric(distribution)
    if isinstance(number, IntDistribution):
        return number.low + index * number.step
    if index == 0 or number.step is None:
        return number.low
    # As decimals, because 3 × 0.1 is not 0.3 in binary.
    level = float(_decimal(number.low) + index * _decimal(number.step))
    return min(level, number.high)


def level_of(distribution: BaseDistribution, value: object) -> Any:
    """The level that a value is, however it is spelt: 2 for 2.0 among whole numbers.

    Raises:
        ValueError: it is none, saying what it is not.
    """
    if isinstance(distribution, CategoricalDistribution):
        return _choice(distribution, value)
    number = _numeric(distribution)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{shown(value)} is no number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not finite")
    if isinstance(number, IntDistribution):
        return _whole(number, value)
    return _float(number, value)


def level_or_itself(distribution: BaseDistribution, value: object) -> Any:
    """The level that a value is, or the value where it is none."""
    try:
        return level_of(distribution, value)
    except ValueError:
        return value


def nearest_level(distribution: BaseDistribution, value: Any) -> Any:
    """The level nearest to a number within the range; in a continuum, and of choices, itself."""
    count = level_count(distribution)
    if count is None or isinstance(distribution, CategoricalDistribution):
        return value
    number = _numeric(distribution)
    index = round((value - number.low) / (number.step or 1))
    return level_at(number, min(max(index, 0), count - 1))


def levels_of(space: Space, parameters: Mapping[str, object]) -> dict[str, Any]:
    """The parameters as levels of the space.

    Raises:
        ValueError: naming a parameter that is not in the space, or what is no level.
    """
    levels = {}
    for name, value in parameters.items():
        if name not in space:
            raise ValueError(f"{shown_name(name)}: it is not searched in this study")
        try:
            levels[name] = level_of(space[name], value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return levels


def _choice(distribution: CategoricalDistribution, value: object) -> Any:
    for choice in distribution.choices:
        if choice == value and isinstance(choice, bool) == isinstance(value, bool):
            return choice
    choices = ", ".join(c if isinstance(c, str) else as_yaml(c) for c in distribution.choices)
    raise ValueError(f"{shown(value)} is none of its choices, {_cut(choices)}")


def _whole(number: IntDistribution, value: float) -> int:
    if value != int(value):
        raise ValueError(f"{value} is no whole number")
    whole = int(value)
    if not number.low <= whole <= number.high:
        raise ValueError(f"{shown(whole)} is outside its range, {number.low} to {number.high}")
    if (whole - number.low) % number.step:
        raise ValueError(f"{whole} is not reached from {number.low} in steps of {number.step}")
    return whole


def _float(number: FloatDistribution, value: float) -> float:
    # By half a step, because what is spelt otherwise may lie beside an end.
    margin = (number.step or 0.0) / 2
    if not number.low - margin <= value <= number.high + margin:
        raise ValueError(f"{shown(value)} is outside its range, {number.low} to {number.high}")
    if number.step is None:
        return float(value)
    level = float(nearest_level(number, value))
    if math.isclose(value, level, rel_tol=_ROUNDING, abs_tol=_SPELLING * number.step):
        return level
    raise ValueError(f"{value} is not reached from {number.low} in steps of {number.step}")


def _numeric(distribution: BaseDistribution) -> IntDistribution | FloatDistribution:
    if not isinstance(distribution, IntDistribution | FloatDistribution):
        raise TypeError(f"no levels of {type(distribution).__name__}")
    return distribution


def _decimal(number: float) -> Decimal:
    return Decimal(str(number))


def shown(value: object) -> str:
    """A value in an error's line: whoever enqueues a trial writes what he likes, of any length."""
    return _cut(as_yaml(value))


def shown_name(name: str) -> str:
    """The name of a hyperparameter in an error's line: quoted where it could not be one."""
    return name if name.isprintable() and len(name) <= 80 else shown(name)


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
