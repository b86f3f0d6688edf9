"""The unit of work of the cluster: a segment goes to a worker, a report comes back.

Everything here is a frozen value of plain Python types, so that it can be pickled, compared and
stored without torch. A trial's training state travels beside it, opaque to the coordinator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from workers.configuration import Configuration, TrainingSettings

CURVE_EXAMPLES = 256  # of the training split, at all points of a curve but the last


@dataclass(frozen=True, slots=True)
class TrialWork:
    """One trial's share of a segment: all its replicates and members are trained together."""

    trial: int
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class Segment:
    """Train the networks of these trials, as one cohort, from after first_epoch to last_epoch.

    first_epoch 0 begins from initial weights; any other value needs the trials' states.
    seed is the study's: a trial's numbers follow from it, its configuration and the data alone.
    refit says that validation examples are trained on as well: what is measured on them then is no
    validation. Replicates are numbered from first_replicate on: a replicate's random streams follow
    from its number, so that it is the same in whichever range it is trained. shuffle, where it is
    not None, says that every replicate trains on a permutation of its training labels, the one of
    that number: the labels then say nothing of the features.
    """

    trials: tuple[TrialWork, ...]
    settings: TrainingSettings
    seed: int
    first_epoch: int
    last_epoch: int
    label_noise: float = 0.0
    refit: bool = False
    first_replicate: int = 0

    @property
    def replicates(self) -> range:
        """The numbers of the replicates."""
        return range(self.first_replicate, self.first_replicate + self.settings.replicates)

    shuffle: int | None = None


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The ensemble's accuracies and losses after an epoch, in evaluation mode.

    Before the last epoch the train_ ones are of the first CURVE_EXAMPLES training examples: a curve
    is to cost little beside the training that it shows.
    """

    epoch: int
    train_accuracy: float
    validation_accuracy: float
    test_accuracy: float
    train_loss: float
    validation_loss: float
    test_loss: float


@dataclass(frozen=True, slots=True)
class LayerStatistics:
    """A hidden layer's state after an epoch (0: before training), averaged over the members.

    layer counts from 1 at the input. gradient_norm is the Euclidean norm of the loss gradient
    with respect to the layer's weights. saturated is the share of activations where the function
    is flat (for the ReLU family: units that are never active on any of the examples). All are over
    the first 128 training examples, without dropout.
    """

    layer: int
    epoch: int
    gradient_norm: float
    activation_mean: float
    activation_std: float
    saturated: float


@dataclass(frozen=True, slots=True)
class MemberMeasurements:
    """One network of a replicate's ensemble, and the ensembles of size member + 1.

    first_* are the accuracies of the first member + 1 networks together; subset_* the mean over
    all subsets of that size (beyond 8 members: over those that 64 fixed permutations begin with).
    epochs is the epoch whose weights were measured: the best one under early stopping.
    """

    member: int
    train_accuracy: float
    validation_accuracy: float
    test_accuracy: float
    train_loss: float
    validation_loss: float
    test_loss: float
    first_train_accuracy: float
    first_validation_accuracy: float
    first_test_accuracy: float
    subset_train_accuracy: float
    subset_validation_accuracy: float
    subset_test_accuracy: float
    epochs: int
    diverged: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """How a metric of the replicates is summed up in the trial's row: by its mean over those that
    have it.

    spread: also by their sample standard deviation, in the column NAME_std. headline: it is among
    the few that the terminal and Optuna's dashboard show. difference: the metric is not measured,
    but is the first of these two fields minus the second. per_replicate: the table `replicates` has
    it too, not only `results`.
    """

    spread: bool = False
    headline: bool = False
    difference: tuple[str, str] | None = None
    per_replicate: bool = True


_MEAN = {"summary": Summary()}
_HEADLINE = {"summary": Summary(headline=True)}


@dataclass(frozen=True, slots=True)
class ReplicateMeasurements:
    """A replicate's ensemble: the mean of its members' predicted probabilities.

    Every number with a Summary in its metadata is a metric of the trial: a column of `results`.
    train_accuracy is against the labels trained on; train_accuracy_clean against the true ones
    (None without label noise). validation_correct and test_correct are one bit per example
    (numpy.packbits, in the order of the split), set where the prediction is right.
    """

    replicate: int
    train_accuracy: float = field(metadata=_HEADLINE)
    train_accuracy_clean: float | None = field(metadata=_MEAN)
    validation_accuracy: float = field(metadata=_HEADLINE)
    test_accuracy: float = field(metadata={"summary": Summary(spread=True, headline=True)})
    balanced_test_accuracy: float = field(metadata=_MEAN)
    train_loss: float = field(metadata=_MEAN)
    validation_loss: float = field(metadata=_MEAN)
    test_loss: float = field(metadata=_MEAN)
    generalization_gap: float = field(
        init=False,
        metadata={
            "summary": Summary(
                spread=True, headline=True, difference=("train_accuracy", "test_accuracy")
            )
        },
    )
    validation_gap: float = field(
        init=False,
        metadata={
            "summary": Summary(
                difference=("train_accuracy", "validation_accuracy"), per_replicate=False
            )
        },
    )
    loss_gap: float = field(
        init=False,
        metadata={"summary": Summary(difference=("test_loss", "train_loss"), per_replicate=False)},
    )
    train_examples: int
    validation_examples: int
    test_examples: int
    validation_correct: bytes
    test_correct: bytes
    members: tuple[MemberMeasurements, ...]
    curve: tuple[CurvePoint, ...]
    layers: tuple[LayerStatistics, ...]

    def __post_init__(self) -> None:
        for name, summary in METRICS.items():
            if summary.difference is not None:
                first, second = summary.difference
                object.__setattr__(self, name, getattr(self, first) - getattr(self, second))


METRICS: Mapping[str, Summary] = {
    metric.name: metric.metadata["summary"]
    for metric in fields(ReplicateMeasurements)
    if "summary" in metric.metadata
}
"""What is measured of every replicate and summed up in its trial's row, by name."""

HEADLINES = tuple(name for name, summary in METRICS.items() if summary.headline)


@dataclass(frozen=True, slots=True)
class TrialMeasurements:
    """All that was measured of a trial after `epochs` epochs; its own numbers are columns of
    `results` as they are.

    parameters counts the trainable numbers of one network; diverged the networks whose loss or
    weights stopped being finite; seconds is the trial's share of the worker's CPU time so far.
    """

    trial: int
    epochs: int
    parameters: int
    diverged: int
    seconds: float
    replicates: tuple[ReplicateMeasurements, ...]


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """What a worker says after a segment, in the order of the segment's trials.

    fingerprint names what the bits depend on beside the configuration (torch build, CPU
    capability, device); wall_seconds and cpu_seconds are of the whole segment.
    """

    trials: tuple[TrialMeasurements, ...]
    worker: str
    device: str
    fingerprint: str
    wall_seconds: float
    cpu_seconds: float
