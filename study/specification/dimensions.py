"""How a hyperparameter is searched: fixed, a choice of levels, or a range.

In a specification these are written as a scalar, a list, and {low, high, log, step}. They are
pydantic types, so bounds, error messages and the JSON schema come from one declaration.
"""

import math
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Tag, model_validator

from study.specification.plain_values import as_yaml

Number = TypeVar("Number", int, float)
Level = TypeVar("Level")
# The range is a variable of its own: typing does not look for variables inside a pydantic class.
NumberRange = TypeVar("NumberRange")
MOST_WHOLE = 2**53  # doubles tell smaller whole numbers apart


class Range(BaseModel, Generic[Number]):
    """All numbers from low to high, both included.

    log: equally likely per factor instead of per distance. step: only low, low + step, …
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: Number
    high: Number
    log: bool = False
    step: Number | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low is {self.low}, above high, {self.high}; give low ≤ high")
        if self.log and self.low <= 0:
            raise ValueError(f"low is {self.low} in a log range; give low > 0, or log: false")
        if self.step is not None:
            if self.log:
                raise ValueError("step and log exclude each other; give one of them")
            if self.step <= 0:
                raise ValueError(f"step is {self.step}; give step > 0")
            # As decimals, because 0.1 + 0.1 + 0.1 is not 0.3 in binary.
            steps = (Decimal(str(self.high)) - Decimal(str(self.low))) / Decimal(str(self.step))
            if steps != steps.to_integral_value():
                raise ValueError(
                    f"high, {self.high}, is not reached from low, {self.low}, "
                    f"in steps of {self.step}; give a high that is"
                )
        self._check_levels()
        return self

    def _check_levels(self) -> None:
        """Refuse levels that doubles, as which Optuna keeps every number, do not tell apart."""
        largest = max(abs(self.low), abs(self.high))
        if isinstance(self.low, int):
            told_apart = largest < MOST_WHOLE
        else:
            told_apart = self.step is None or self.step >= 2 * math.ulp(largest)
        if not told_apart:
            raise ValueError(
                f"from {self.low} to {self.high} in steps of {self.step or 1} are numbers that "
                "double precision does not tell apart; give a lower high or a larger step"
            )


def _shape(value: Any) -> str:
    if isinstance(value, Range | Mapping):
        return "range"
    return "choice" if isinstance(value, list | tuple) else "value"


def _is_a_choice(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    if not levels:
        raise ValueError("the choice is empty; list at least one level")
    repeated = [level for level, count in Counter(levels).items() if count > 1]
    if repeated:
        raise ValueError(f"{as_yaml(_plain(repeated[0]))} is listed twice; list each level once")
    return levels


def _plain(level: object) -> object:
    return getattr(level, "value", level)


# The tags name the branch that a value's shape selects, so an error speaks of that branch alone.
SHAPES = frozenset({"value", "choice", "range"})
Choice = Annotated[tuple[Level, ...], AfterValidator(_is_a_choice)]
Numeric = Annotated[
    Annotated[Level, Tag("value")]
    | Annotated[Choice[Level], Tag("choice")]
    | Annotated[NumberRange, Tag("range")],
    Discriminator(_shape),
]
Categorical = Annotated[
    Annotated[Level, Tag("value")] | Annotated[Choice[Level], Tag("choice")],
    Discriminator(_shape),
]
