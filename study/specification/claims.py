"""Claims: what a study is expected to show, stated before it runs and judged by what it measured.

A claim compares a quantity between two sets of trials, or with a value. It is part of the
specification but not of the search: adding one to a finished study trains nothing again.
study.analysis.verdicts computes whether it holds.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Quantity(StrEnum):
    """What a claim is about; shares and ratios are taken over replicates."""

    TEST_ACCURACY = "test_accuracy"
    TRAIN_ACCURACY = "train_accuracy"
    GENERALIZATION_GAP = "generalization_gap"
    SOLVED = "solved"
    """The share of replicates (seeds) that reach a train accuracy of 1."""
    GRADIENT_RATIO = "gradient_ratio"
    """log10 of the first hidden layer's gradient norm / the last's, before training."""


class Expectation(StrEnum):
    """How the first set compares: beyond `margin`, or within it."""

    HIGHER = "higher"
    LOWER = "lower"
    EQUAL = "equal"


class Claim(BaseModel):
    """`quantity` of the trials `of` is `expect` than that of the trials `against`, or than `value`.

    of and against map hyperparameters to a level: all trials at these levels count, their mean is
    compared. margin is the least difference that matters; for equal the largest that does not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    says: Annotated[str, Field(min_length=1)]
    """The claim in words."""
    quantity: Quantity
    """What is compared."""
    of: Mapping[str, Any]
    """Levels of hyperparameters: the trials that the claim is about."""
    against: Mapping[str, Any] | None = None
    """The other trials, likewise; none: value is given."""
    value: float | None = None
    """A number to compare with, in place of other trials."""
    expect: Expectation
    """How the first side is to differ."""
    margin: Annotated[float, Field(ge=0)] = 0.0
    """The least difference that matters; for equal the largest that does not."""

    @model_validator(mode="after")
    def _has_one_other_side(self) -> Self:
        if (self.against is None) == (self.value is None):
            raise ValueError("give either against (other trials) or value (a number)")
        if self.expect is Expectation.EQUAL and self.margin == 0.0:
            raise ValueError("expect equal needs a margin above 0: nothing is exactly equal")
        if self.quantity is Quantity.SOLVED and self.against is not None and self.margin > 0.0:
            raise ValueError("solved against other trials is Fisher's test: it takes no margin")
        return self
