"""Classification: one of several classes, by a softmax over all, or by one sigmoid for two.

Target codes are indices into the sorted classes; predictions [classes, N] are probabilities, and
the loss is the cross-entropy.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from workers.tasks.task import Predictions, Target, TargetSummary, Task, UnusableTarget

if TYPE_CHECKING:
    from torch import Tensor

FEWEST_PER_CLASS = 3  # one for each of train, validation and test
SMALLEST_PROBABILITY = 1e-12  # bounds the loss of a confident mistake at 27.6


class LabelKind(StrEnum):
    """What the labels were before they became names of classes."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class ClassCounts(TargetSummary):
    """How often each class was trained on."""

    counts: tuple[int, ...]

    @property
    def examples(self) -> int:
        return sum(self.counts)

    @property
    def class_counts(self) -> tuple[int, ...]:
        return self.counts

    @property
    def fallback(self) -> npt.NDArray[np.float64]:
        """The frequencies of the classes."""
        counts = np.asarray(self.counts)
        frequencies: npt.NDArray[np.float64] = counts / counts.sum()
        return frequencies


@dataclass(frozen=True, slots=True)
class Classification(Task):
    """names are the classes; label_kind is what they stand for."""

    names: tuple[str, ...]
    label_kind: LabelKind = LabelKind.TEXT
    score_name: ClassVar[str] = "accuracy"

    @classmethod
    def from_target(cls, target: npt.NDArray[np.generic]) -> tuple[Self, npt.NDArray[np.int64]]:
        """The task of labels of any kind, and their codes; a continuous target is unusable."""
        if target.dtype.kind == "f":
            if not np.isfinite(target).all():
                raise UnusableTarget("a label is missing or not finite")
            if (target != np.floor(target)).any():
                raise UnusableTarget(
                    "the target is continuous; classes are needed (data.types: category makes a "
                    "class of each number)"
                )
            target = target.astype(np.int64)
        kind = LabelKind.INTEGER if target.dtype.kind in "iu" else LabelKind.TEXT
        if target.dtype.kind == "b":
            kind = LabelKind.BOOLEAN
        elif target.dtype.kind == "O":
            target = target.astype(str)
        values, codes = np.unique(target, return_inverse=True)
        distinct = len(values)
        if target.dtype.kind in "iu" and distinct > 50 and distinct > len(target) / 10:
            raise UnusableTarget(
                f"the target has {distinct} different numbers in {len(target)} examples and looks "
                "continuous; classes are needed"
            )
        if distinct < 2:
            raise UnusableTarget("there is only one class; at least two are needed")
        names = tuple(str(value) for value in values)
        return cls(names, kind), codes.reshape(-1).astype(np.int64)

    @property
    def labels(self) -> tuple[int | bool | str, ...]:
        """The classes in the kind that the target column had."""
        match self.label_kind:
            case LabelKind.INTEGER:
                return tuple(int(name) for name in self.names)
            case LabelKind.BOOLEAN:
                return tuple(name == "True" for name in self.names)
        return self.names

    @property
    def outputs(self) -> int:
        """One sigmoid unit for two classes, else a softmax over all."""
        return 1 if len(self.names) == 2 else len(self.names)

    @property
    def predicted(self) -> int:
        return len(self.names)

    def check(self, target: Target, pool: npt.NDArray[np.bool_], drawn: int) -> None:
        counts = np.bincount(target, minlength=len(self.names))
        if counts.min() < FEWEST_PER_CLASS:
            rare = self.names[int(counts.argmin())]
            raise UnusableTarget(
                f"class {rare!r} has {counts.min()} examples; every class needs "
                f"{FEWEST_PER_CLASS}, one each for train, validation and test"
            )
        counts = np.bincount(target[pool], minlength=len(self.names))
        if not pool.all() and counts.min() < drawn:
            rare = self.names[int(counts.argmin())]
            raise UnusableTarget(
                f"class {rare!r} has {counts.min()} examples to train on; it needs {drawn}"
            )

    def strata(self, target: Target) -> npt.NDArray[np.int64]:
        """The classes themselves."""
        return target

    def corrupt(self, target: Target, rng: np.random.Generator) -> Target:
        """Every label becomes another class, uniformly."""
        shifts = rng.integers(1, len(self.names), len(target))
        return (target + shifts) % len(self.names)

    def code(self, targets: Target, columns: int) -> npt.NDArray[np.float64]:
        coded = np.zeros((*targets.shape, columns))
        if self.outputs == 1:
            coded[..., 0] = targets
            coded[..., 1:] = 0.5  # what a sigmoid makes of padding: its error is zero
        else:
            coded[..., : self.outputs] = np.eye(self.outputs)[targets]
        return coded

    def loss_gradient(
        self, logits: "Tensor", targets: "Tensor", weights: "Tensor", out: "Tensor"
    ) -> None:
        import torch

        if self.outputs == 1:
            torch.sigmoid(logits, out=out)
        else:
            logits[:, :, self.outputs :] = -torch.inf
            torch.softmax(logits, 2, out=out)
        out -= targets
        out *= weights

    def predict(self, logits: "Tensor", out: "Tensor") -> None:
        import torch

        if self.outputs == 1:
            torch.sigmoid(logits[:, :, 0], out=out[:, 1])
            torch.sub(1.0, out[:, 1], out=out[:, 0])
            return
        logits[:, :, self.outputs :] = -torch.inf
        out.copy_(torch.softmax(logits, 2)[:, :, : self.outputs].mT)

    def summarize(self, target: Target) -> ClassCounts:
        return ClassCounts(tuple(np.bincount(target, minlength=len(self.names)).tolist()))

    def losses(self, predictions: Predictions, target: Target) -> npt.NDArray[np.float64]:
        """−log of the probability of the label."""
        chosen = predictions[target, np.arange(len(target))]
        losses: npt.NDArray[np.float64] = -np.log(
            np.maximum(chosen.astype(np.float64), SMALLEST_PROBABILITY)
        )
        return losses

    def score(
        self, predictions: Predictions, target: Target, summary: TargetSummary
    ) -> npt.NDArray[np.bool_]:
        """Which examples are predicted right."""
        largest = predictions.max(0)
        right: npt.NDArray[np.bool_] = predictions[target, np.arange(len(target))] >= largest
        tied = np.count_nonzero(predictions >= largest, axis=0) > 1
        if tied.any():
            right = predicted_classes(predictions, summary) == target
        return right

    def pack(self, score: npt.NDArray[Any]) -> bytes:
        """One bit per example."""
        return np.packbits(score).tobytes()

    def other_metrics(
        self, score: npt.NDArray[Any], target: Target, test: npt.NDArray[np.int64]
    ) -> dict[str, float]:
        balanced = balanced_accuracy(score[test], target[test], len(self.names))
        return {"balanced_test_accuracy": balanced}

    def facts(self) -> dict[str, Any]:
        return {"classes": len(self.names)}

    def description(self, summary: TargetSummary) -> dict[str, Any]:
        return {"labels": self.labels, "class_counts": _counts(summary)}


def predicted_classes(predictions: Predictions, summary: TargetSummary) -> npt.NDArray[np.int64]:
    """The most probable class [N] by probabilities [classes, N].

    In a tie that is the most frequent class of the training examples, where it is among the most
    probable, else the first of them.
    """
    frequent = int(np.argmax(_counts(summary)))
    first = predictions.argmax(0)
    classes: npt.NDArray[np.int64] = np.where(
        predictions[frequent] >= predictions.max(0), frequent, first
    )
    return classes


def balanced_accuracy(
    right: npt.NDArray[np.bool_], target: npt.NDArray[np.int64], classes: int
) -> float:
    """Mean over the classes that occur of the share predicted right."""
    counts = np.bincount(target, minlength=classes)
    hits = np.bincount(target[right], minlength=classes)
    return float((hits[counts > 0] / counts[counts > 0]).mean())


def _counts(summary: TargetSummary) -> tuple[int, ...]:
    if not isinstance(summary, ClassCounts):
        raise TypeError(f"a classification remembers counts of classes, not {summary!r}")
    return summary.counts
