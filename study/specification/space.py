"""A specification's search space as Optuna sees it, and an Optuna trial as a worker sees it."""

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any, get_args, get_type_hints

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from study.errors import InvalidInput, nearest
from study.specification.claims import Claim
from study.specification.dimensions import Range
from study.specification.levels import level_count, level_of, shown, shown_name
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
    for distribution in search_space(spec).values():
        count = level_count(distribution)
        if count is None:
            return None
        size *= count
    return size


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
    try:
        return [
            searched_part(spec, given, f"baseline[{position}].")
            for position, given in enumerate(spec.baseline)
        ]
    except ValueError as error:
        raise InvalidInput(str(error)) from None


def check_claims(spec: StudySpec, known: Collection[Claim] = ()) -> None:
    """Refuse claims about levels that no trial can have; those that are known may stay.

    Raises:
        InvalidInput: naming the first such level.
    """
    for position, claim in enumerate(spec.claims):
        if claim in known:
            continue
        for side, levels in (("of", claim.of), ("against", claim.against or {})):
            try:
                searched_part(spec, levels, f"claims[{position}].{side}.")
            except ValueError as error:
                raise InvalidInput(str(error)) from None


def searched_part(spec: StudySpec, given: Parameters, where: str = "") -> dict[str, Any]:
    """The searched part of a configuration, or of some of one, as levels.

    where stands before the name of a hyperparameter that is wrong.

    Raises:
        ValueError: it names something unknown or lies outside the search space.
    """
    space, fixed = search_space(spec), fixed_values(spec)
    parameters = {}
    for name, value in given.items():
        field = f"{where}{shown_name(name)}"
        if name in space:
            try:
                parameters[name] = level_of(space[name], value)
            except ValueError as error:
                raise ValueError(f"{field}: {error}; widen search.{name}") from None
        elif name not in fixed:
            raise ValueError(f"{field}: unknown hyperparameter{nearest(name, [*space, *fixed])}")
        elif value != _plain(fixed[name]) or isinstance(value, bool):
            level = shown(_plain(fixed[name]))
            raise ValueError(
                f"{field}: found {shown(value)}, but {name} is {level} in every trial; give "
                f"search.{name} both levels"
            )
    return parameters
