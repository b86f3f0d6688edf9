"""Scores and losses from predictions; NumPy, one replicate at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from workers.tasks.task import Predictions, TargetSummary, Task

MOST_MEMBERS_FOR_ALL_SUBSETS = 8
PERMUTATIONS = 64


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What predictions of a replicate are judged by: labels [N] and the examples of each side.

    labels are those trained on, so only training examples can differ from clean_labels; summary is
    what the task remembers of them.
    """

    task: Task
    summary: TargetSummary
    labels: npt.NDArray[np.int64]
    clean_labels: npt.NDArray[np.int64]
    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]

    def score(self, predictions: Predictions) -> npt.NDArray[Any]:
        """What each example adds to the task's score, [N]."""
        return self.task.score(predictions, self.labels, self.summary)

    def losses(self, predictions: Predictions) -> npt.NDArray[np.float64]:
        """The loss of each example, [N]."""
        return self.task.losses(predictions, self.labels)

    def without_noise(self) -> "GroundTruth":
        """The same with the true labels; ties still go by the labels trained on."""
        return replace(self, labels=self.clean_labels)

    def subset(self, most_train: int) -> tuple[npt.NDArray[np.int64], "GroundTruth"]:
        """The first most_train training examples, validation and test: indices, and their truth."""
        train = self.train[:most_train]
        examples = np.concatenate([train, self.validation, self.test])
        ends = np.cumsum([len(train), len(self.validation), len(self.test)])
        places = np.arange(len(examples))
        truth = replace(
            self,
            labels=self.labels[examples],
            clean_labels=self.clean_labels[examples],
            train=places[: ends[0]],
            validation=places[ends[0] : ends[1]],
            test=places[ends[1] :],
        )
        return examples, truth

    @property
    def sides(self) -> tuple[npt.NDArray[np.int64], ...]:
        """The indices of the train, validation and test examples, in this order."""
        return self.train, self.validation, self.test


def share(values: npt.NDArray[np.generic], examples: npt.NDArray[np.int64]) -> float:
    """Mean over the examples of one side."""
    return float(values[examples].astype(np.float64).mean())


def ensemble_mean(members: Sequence[Predictions]) -> Predictions:
    """Mean of the members' predictions, added up in their order."""
    if len(members) == 1:
        return members[0]
    total = members[0] + members[1]
    for member in members[2:]:
        total += member
    total /= len(members)
    return total


def scores(predictions: Predictions, truth: GroundTruth) -> tuple[float, float, float]:
    """The task's score on train, validation and test: of a classification, the accuracy."""
    own = truth.score(predictions)
    return share(own, truth.train), share(own, truth.validation), share(own, truth.test)


def subsets_of_members(count: int, size: int) -> list[tuple[int, ...]]:
    """All subsets of that size; beyond 8 members, the beginnings of 64 fixed permutations."""
    if count <= MOST_MEMBERS_FOR_ALL_SUBSETS:
        return list(combinations(range(count), size))
    rng = np.random.Generator(np.random.SFC64(count))
    orders = [rng.permutation(count) for _ in range(PERMUTATIONS)]
    return [tuple(sorted(order[:size].tolist())) for order in orders]
