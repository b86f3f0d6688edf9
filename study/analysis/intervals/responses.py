"""A quantity of many trials that share replicates and test examples, and how sure its means are."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from study.analysis.intervals.correctness import IntArray, Outcomes
from study.analysis.intervals.random_effects import (
    BoolArray,
    FloatArray,
    Precision,
    crossed_precision,
    interaction_variance,
    never_certain,
)

UNKNOWN = Precision(np.asarray(np.nan), np.asarray(1.0))


@dataclass(frozen=True, eq=False)
class Response:
    """offsets [T, R] + sign × correct [T, R, N] of T trials; correct None: no examples count.

    N are independent examples, or groups of them with the values of by_group. fixed_examples: they
    are all there are, not a sample.
    """

    trials: IntArray
    offsets: FloatArray
    correct: BoolArray | FloatArray | None
    sign: float
    fixed_examples: bool

    @property
    def is_accuracy(self) -> bool:
        """Whether it is the share of examples that are right, and nothing beside it."""
        return self.sign > 0.0 and self.correct is not None

    def only(self, chosen: BoolArray) -> "Response":
        """Of some of the trials, chosen [T]."""
        correct = None if self.correct is None else self.correct[chosen]
        trials, offsets = self.trials[chosen], self.offsets[chosen]
        return Response(trials, offsets, correct, self.sign, self.fixed_examples)

    def contrast(self, groups: list[BoolArray], *, complete: bool) -> tuple[float, Precision]:
        """The mean of one group [T], or the difference of two groups' means, and its precision."""
        if not all(inside.any() for inside in groups):
            return float("nan"), UNKNOWN
        by_replicate = self.by_replicate
        means = [float(by_replicate[inside].mean()) for inside in groups]
        estimate = means[0] - sum(means[1:])
        return estimate, self._complete(groups) if complete else self._sampled(groups)

    @cached_property
    def by_replicate(self) -> FloatArray:
        """[T, R]"""
        if self.correct is None:
            return self.offsets
        return np.asarray(self.offsets + self.sign * self.correct.mean(axis=2))

    @cached_property
    def by_example(self) -> FloatArray | None:
        """[T, N] without its sign; None where examples are no sample."""
        if self.correct is None or self.fixed_examples:
            return None
        return np.asarray(self.correct.mean(axis=1))

    def _complete(self, groups: list[BoolArray]) -> Precision:
        """The trials are all there is: only replicates and examples vary."""
        weights = np.zeros(len(self.trials))
        for inside, side in zip(groups, (1.0, -1.0), strict=False):
            weights[inside] += side / inside.sum()
        offsets = weights @ self.offsets
        if self.correct is None:
            return crossed_precision(np.zeros((len(offsets), 1)), offsets, fixed_examples=True)
        values = self.sign * np.einsum("t,trn->rn", weights, self.correct)
        precision = crossed_precision(values, offsets, fixed_examples=self.fixed_examples)
        return precision if self.fixed_examples else never_certain(precision, values.shape[1])

    def _sampled(self, groups: list[BoolArray]) -> Precision:
        """The trials are a sample, as are the replicates and examples that they share.

        The variance is the trials' (Welch, Biometrika 34, 1947), which includes what chance adds to
        each of them, and what replicates and examples do to all of them alike beyond that: the
        three-way random effects model without its smaller terms.
        """
        if any(inside.sum() < 2 for inside in groups):
            return UNKNOWN
        by_replicate = self.by_replicate
        variance = spread = 0.0
        for inside in groups:
            count = int(inside.sum())
            own = float(by_replicate[inside].mean(axis=1).var(ddof=1)) / count
            variance += own
            spread += own**2 / (count - 1)
        for table in (by_replicate, self.by_example):
            if table is None or table.shape[1] < 2:
                continue
            common, excess = _shared(table, groups)
            variance += excess
            spread += common**2 / (table.shape[1] - 1) if excess > 0.0 else 0.0
        degrees = variance**2 / spread if spread > 0.0 else 1.0
        return Precision(np.asarray(variance), np.asarray(max(degrees, 1.0)))


def response_of(outcomes: Outcomes, quantity: str) -> Response:
    """Of test_accuracy, train_accuracy or generalization_gap."""
    train, fixed = outcomes.train_accuracy, outcomes.fixed_examples
    if quantity == "train_accuracy":
        return Response(outcomes.trials, train, None, 1.0, fixed)
    if quantity == "test_accuracy":
        return Response(outcomes.trials, np.zeros_like(train), outcomes.contributions, 1.0, fixed)
    return Response(outcomes.trials, train, outcomes.contributions, -1.0, fixed)


def _shared(table: FloatArray, groups: list[BoolArray]) -> tuple[float, float]:
    """How much the columns, shared by all trials, vary: in all, and beyond the trials' own."""
    contrast = np.zeros(table.shape[1])
    chance = 0.0
    for inside, side in zip(groups, (1.0, -1.0), strict=False):
        own = table[inside]
        columns = own.mean(axis=0)
        contrast += side * columns
        chance += float(interaction_variance(own, own.mean(axis=1), columns)) / own.size
    common = float(contrast.var(ddof=1)) / table.shape[1]
    return common, max(common - chance, 0.0)
