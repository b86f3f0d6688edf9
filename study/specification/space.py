"""A specification's search space as Optuna sees it, and an Optuna trial as a worker sees it."""

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any, get_args, get_type_hints

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from study.errors import InvalidInput, nearest
from study.specification.dimensions import Range
from study.specification.spec import StudySpec
from workers.configuration import Configuration

Parameters = Mapping[str, Any]
# The hyperparameters whose levels are words, also where None is one of their levels.
_KINDS: dict[str, type[Enum]] = {
    name: kind
    for name, annotation in get_type_hints(Configuration).items()
    for kind in (annotation, *get_args(annotation))
    if isinstance(kind, type) and issubclass(kind, Enum)
}


def search_space(spec: StudySpec) -> dict[str, BaseDistribution]:
    """Optuna's distribution of every hyperparameter that is searched, in a fixed order."""
    return {
        name: _distribution(dimension)
        for name, dimension in spec.dimensions().items()
        if isinstance(dimension, Range | tuple)
    }


def fixed_values(spec: StudySpec) -> dict[str, Any]:
    """The hyperparameters that are the same in every trial."""
    return {
        name: dimension
        for name, dimension in spec.dimensions().items()
        if not isinstance(dimension, Range | tuple)
    }


def configuration_of(spec: StudySpec, parameters: Parameters) -> Configuration:
    """The configuration that a trial's parameters complete."""
    return typed_configuration({**fixed_values(spec), **parameters})


def typed_configuration(values: Mapping[str, Any]) -> Configuration:
    """The configuration with these values, whose levels may have come as text from SQL."""
    return Configuration(**{name: _typed(name, value) for name, value in values.items()})


def space_size(spec: StudySpec) -> int | None:
    """How many configurations there are, or None where a range is continuous."""
    size = 1
    for levels in grid_levels(spec).values():
        if levels is None:
            return None
        size *= len(levels)
    return size


def grid_levels(spec: StudySpec) -> dict[str, tuple[Any, ...] | None]:
    """The levels of every searched hyperparameter; None where it is continuous."""
    return {
        name: _levels(dimension)
        for name, dimension in spec.dimensions().items()
        if isinstance(dimension, Range | tuple)
    }


def _levels(dimension: Range[Any] | tuple[Any, ...]) -> tuple[Any, ...] | None:
    if isinstance(dimension, Range):
        return dimension.levels()
    return tuple(_plain(level) for level in dimension)


def _distribution(dimension: Range[Any] | tuple[Any, ...]) -> BaseDistribution:
    if isinstance(dimension, tuple):
        return CategoricalDistribution([_plain(level) for level in dimension])
    bounds = {"low": dimension.low, "high": dimension.high, "log": dimension.log}
    if isinstance(dimension.low, int):
        return IntDistribution(**bounds, step=dimension.step or 1)
    return FloatDistribution(**bounds, step=dimension.step)


def _plain(level: Any) -> Any:
    return level.value if isinstance(level, Enum) else level


def _typed(name: str, value: Any) -> Any:
    """A level read back from SQL as text is the enum's member again."""
    kind = _KINDS.get(name)
    return value if kind is None or value is None else kind(value)


def baseline_parameters(spec: StudySpec) -> list[dict[str, Any]]:
    """The searched part of each baseline configuration; what it leaves open is sampled.

    Raises:
        InvalidInput: a baseline names something unknown or lies outside the search space.
    """
    return [_baseline(spec, position, given) for position, given in enumerate(spec.baseline)]


def _baseline(spec: StudySpec, position: int, given: Parameters) -> dict[str, Any]:
    space, fixed = search_space(spec), fixed_values(spec)
    parameters = {}
    for name, value in given.items():
        field = f"baseline[{position}].{name}"
        if name in space:
            if not _contains(space[name], value):
                raise InvalidInput(f"{field}: found {value!r}, outside search.{name}; widen it")
            parameters[name] = value
        elif name not in fixed:
            raise InvalidInput(f"{field}: unknown hyperparameter{nearest(name, [*space, *fixed])}")
        elif value != _plain(fixed[name]):
            raise InvalidInput(
                f"{field}: found {value!r}, but {name} is {_plain(fixed[name])!r} in every trial; "
                f"give search.{name} both levels"
            )
    return parameters


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if not isinstance(distribution, IntDistribution | FloatDistribution):
        return False
    if not distribution.low <= value <= distribution.high:
        return False
    if distribution.step is None:
        return True
    steps = (value - distribution.low) / distribution.step
    return math.isclose(steps, round(steps), abs_tol=1e-8)
