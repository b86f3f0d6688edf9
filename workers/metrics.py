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
class Truth:
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

    def without_noise(self) -> "Truth":
        """The same with the true labels; ties still go by the labels trained on."""
        return replace(self, labels=self.clean_labels)

    @property
    def sides(self) -> tuple[npt.NDArray[np.int64], ...]:
        """train, validation, test."""
        return self.train, self.validation, self.test


Probabilities: TypeAlias = npt.NDArray[np.floating]
Correct: TypeAlias = npt.NDArray[np.bool_]


def correct_predictions(probabilities: Probabilities, truth: Truth) -> Correct:
    """Which of N examples [..., N, classes] are predicted right: [..., N]."""
    frequent = int(truth.frequencies.argmax())
    predicted = probabilities.argmax(-1)
    tied = probabilities[..., frequent] >= probabilities.max(-1)
    right: Correct = np.where(tied, frequent, predicted) == truth.labels
    return right


def log_losses(probabilities: Probabilities, truth: Truth) -> npt.NDArray[np.float64]:
    """−log of the probability of the label, [..., N]."""
    chosen = probabilities[..., np.arange(len(truth.labels)), truth.labels]
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
    total = members[0].copy()
    for member in members[1:]:
        total += member
    return total / len(members)


def subset_accuracies(
    members: Sequence[Probabilities], truth: Truth
) -> list[tuple[float, float, float]]:
    """Per ensemble size, the mean train, validation and test accuracy over subsets of members.

    Beyond 8 members the subsets are the beginnings of 64 fixed permutations.
    """
    count = len(members)
    if count <= MOST_MEMBERS_FOR_ALL_SUBSETS:
        by_size = [list(combinations(range(count), size + 1)) for size in range(count)]
    else:
        rng = np.random.Generator(np.random.SFC64(count))
        orders = [rng.permutation(count) for _ in range(PERMUTATIONS)]
        by_size = [[tuple(order[: size + 1].tolist()) for order in orders] for size in range(count)]
    return [
        _mean_accuracy([ensemble_mean([members[i] for i in subset]) for subset in subsets], truth)
        for subsets in by_size
    ]


def _mean_accuracy(ensembles: Sequence[Probabilities], truth: Truth) -> tuple[float, float, float]:
    sums = np.zeros(3)
    for ensemble in ensembles:
        right = correct_predictions(ensemble, truth)
        sums += [share(right, side) for side in truth.sides]
    train, validation, test = (sums / len(ensembles)).tolist()
    return train, validation, test
