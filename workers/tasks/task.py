"""What a task has to say: everything that depends on what is predicted of an example.

Where a data set goes through the house it carries its task along: splitting asks for strata,
networks for outputs, programs for the loss, measurements for what each example contributes. Only
the methods that compute on tensors need torch.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

Target: TypeAlias = npt.NDArray[Any]  # [N], as the task codes it
Predictions: TypeAlias = npt.NDArray[np.floating]  # [P, N]: P numbers for each of N examples


class UnusableTarget(ValueError):
    """A target that the task cannot have; the text says why, without the name of the data."""


class TargetSummary(ABC):
    """What is remembered of the target of the examples that were trained on."""

    @property
    @abstractmethod
    def examples(self) -> int:
        """How many there were."""

    @property
    def class_counts(self) -> tuple[int, ...] | None:
        """How many there were of each class; None where the task has no classes."""
        return None

    @property
    @abstractmethod
    def fallback(self) -> npt.NDArray[np.float64]:
        """What a network that diverged predicts of every example, [P]."""


class Task(ABC):
    """What is predicted, of one data set.

    score is the name of the metric that score() says the examples' shares of; columns of it are
    train_NAME, validation_NAME and test_NAME. names are what stands for the numbers of a
    prediction: of a classification its classes, () where the target is a number.
    """

    score_name: ClassVar[str]
    names: tuple[str, ...]

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Output units of a network."""

    @property
    @abstractmethod
    def predicted(self) -> int:
        """Numbers that are predicted of an example, P."""

    @abstractmethod
    def check(self, target: Target, pool: npt.NDArray[np.bool_], drawn: int) -> None:
        """Raise UnusableTarget where replicates could not be drawn from these examples.

        pool are those whose side the source left open, from which `drawn` of train, validation and
        test are drawn.
        """

    @abstractmethod
    def strata(self, target: Target) -> npt.NDArray[np.int64]:
        """The stratum of every example, from 0: each side of a split has its share of each."""

    @abstractmethod
    def corrupt(self, target: Target, rng: np.random.Generator) -> Target:
        """Wrong targets in place of these: label noise."""

    @abstractmethod
    def code(self, targets: Target, columns: int) -> npt.NDArray[np.float64]:
        """Targets [..., N] as the loss compares them with outputs padded to columns: [..., N, O].

        Padded outputs must have no error.
        """

    @abstractmethod
    def loss_gradient(
        self, logits: "Tensor", targets: "Tensor", weights: "Tensor", out: "Tensor"
    ) -> None:
        """out = gradient of each network's mean loss with respect to its logits [K, B, O].

        The mean is within a network, so the networks of a cohort do not share a loss. weights
        [K, B, 1] are 1 / examples for real rows. logits may be overwritten in padded columns.
        """

    @abstractmethod
    def predict(self, logits: "Tensor", out: "Tensor") -> None:
        """out [K, P, B] = predictions by logits [K, B, O], which may be overwritten in padding."""

    @abstractmethod
    def summarize(self, target: Target) -> TargetSummary:
        """What is remembered of the target of the examples trained on."""

    @abstractmethod
    def losses(self, predictions: Predictions, target: Target) -> npt.NDArray[np.float64]:
        """The loss of each example, [N]."""

    @abstractmethod
    def score(
        self, predictions: Predictions, target: Target, summary: TargetSummary
    ) -> npt.NDArray[Any]:
        """What each example adds to the score, whose value is their mean: [N]."""

    @abstractmethod
    def pack(self, score: npt.NDArray[Any]) -> bytes:
        """What examples add to the score, as it is stored for intervals."""

    def other_metrics(
        self, score: npt.NDArray[Any], target: Target, test: npt.NDArray[np.int64]
    ) -> dict[str, float]:
        """Further measurements of the ensemble, by their names in ReplicateMeasurements."""
        return {}

    def baseline(self, summary: TargetSummary, target: Target) -> float:
        """The score of predicting the fallback of every example, whatever its features."""
        constant = np.tile(summary.fallback[:, None], (1, len(target)))
        return float(self.score(constant, target, summary).mean())

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What a study's attributes say of the task."""

    @abstractmethod
    def description(self, summary: TargetSummary) -> dict[str, Any]:
        """What an exported model's description says of it."""
