"""Accuracies and losses from predicted probabilities; NumPy, one replicate at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

SMALLEST_PROBABILITY = 1e-12  # bounds the loss of a confident mistake at 27.6
MOST_MEMBERS_FOR_ALL_SUBSETS = 8
PERMUTATIONS = 64


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What predictions of a replicate are judged by: labels [N] and the examples of each side.

    labels are those trained on, so only training examples can differ from clean_labels;
    frequencies are those of the classes among the training examples, which is what a diverged
    network predicts. The most frequent class wins every tie.
    """

    labels: npt.NDArray[np.int64]
    clean_labels: npt.NDArray[np.int64]
    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]
    frequencies: npt.NDArray[np.float64]

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.frequencies)

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
        """train, validation, test."""
        return self.train, self.validation, self.test


Probabilities: TypeAlias = npt.NDArray[np.floating]
Correct: TypeAlias = npt.NDArray[np.bool_]


def correct_predictions(probabilities: Probabilities, truth: GroundTruth) -> Correct:
    """Which of N examples, by their probabilities [classes, N], are predicted right: [N]."""
    examples = np.arange(len(truth.labels))
    largest = probabilities.max(0)
    right: Correct = probabilities[truth.labels, examples] >= largest
    tied = np.count_nonzero(probabilities >= largest, axis=0) > 1
    if tied.any():
        right = predicted_classes(probabilities, int(truth.frequencies.argmax())) == truth.labels
    return right


def predicted_classes(probabilities: Probabilities, frequent: int) -> npt.NDArray[np.int64]:
    """The most probable class [N] by probabilities [classes, N].

    In a tie that is `frequent`, the most frequent class of the training examples, where it is among
    the most probable, else the first of them.
    """
    first = probabilities.argmax(0)
    classes: npt.NDArray[np.int64] = np.where(
        probabilities[frequent] >= probabilities.max(0), frequent, first
    )
    return classes


def log_losses(probabilities: Probabilities, truth: GroundTruth) -> npt.NDArray[np.float64]:
    """−log of the probability of the label, [N]."""
    chosen = probabilities[truth.labels, np.arange(len(truth.labels))]
    losses: npt.NDArray[np.float64] = -np.log(
        np.maximum(chosen.astype(np.float64), SMALLEST_PROBABILITY)
    )
    return losses


def share(values: npt.NDArray[np.generic], examples: npt.NDArray[np.int64]) -> float:
    """Mean over the examples of one side."""
    return float(values[examples].astype(np.float64).mean())


def balanced_accuracy(right: Correct, labels: npt.NDArray[np.int64], classes: int) -> float:
    """Mean over the classes that occur of the share predicted right."""
    counts = np.bincount(labels, minlength=classes)
    hits = np.bincount(labels[right], minlength=classes)
    return float((hits[counts > 0] / counts[counts > 0]).mean())


def ensemble_mean(members: Sequence[Probabilities]) -> Probabilities:
    """Mean of the members' probabilities, added up in their order."""
    if len(members) == 1:
        return members[0]
    total = members[0] + members[1]
    for member in members[2:]:
        total += member
    total /= len(members)
    return total


def accuracies(probabilities: Probabilities, truth: GroundTruth) -> tuple[float, float, float]:
    """Shares predicted right of train, validation and test."""
    right = correct_predictions(probabilities, truth)
    return share(right, truth.train), share(right, truth.validation), share(right, truth.test)


def subsets_of_members(count: int, size: int) -> list[tuple[int, ...]]:
    """All subsets of that size; beyond 8 members, the beginnings of 64 fixed permutations."""
    if count <= MOST_MEMBERS_FOR_ALL_SUBSETS:
        return list(combinations(range(count), size))
    rng = np.random.Generator(np.random.SFC64(count))
    orders = [rng.permutation(count) for _ in range(PERMUTATIONS)]
    return [tuple(sorted(order[:size].tolist())) for order in orders]
