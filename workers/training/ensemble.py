"""A replicate's trained ensemble: taken out of a training, and predicting on its own.

It predicts with the very products that it was measured by, so that on the same processor every
probability is the same to the bit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from workers.configuration import Configuration, TrainingSettings
from workers.data import Dataset, Preprocessing
from workers.data.dataset import FloatArray, IntArray
from workers.data.preprocessing import fit_preprocessing
from workers.networks.arithmetic import independent_arithmetic
from workers.networks.network import LARGEST_PROGRAM, Network
from workers.networks.parameters import Plan, assemble_blocks, real_blocks
from workers.networks.predictor import Predictor
from workers.networks.shapes import branch_widths, pad, pieces
from workers.networks.topologies.layout import (
    GATE_OF,
    HIDDEN_BIAS,
    OUTPUT,
    OUTPUT_BIAS,
    RECURRENT,
    StackedShape,
)
from workers.segment import Segment
from workers.training.examples import Examples, prepare_examples
from workers.training.metrics import Probabilities, accuracies, ensemble_mean
from workers.training.states import CohortState

ROWS_AT_ONCE = 16_384  # bounds what the predictions of all members take in memory

# A network's matrices [fan in, fan out] and biases [fan out], by the names of tensor_shapes().
Weights: TypeAlias = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class TrainedEnsemble:
    """Everything that predicting needs.

    class_counts are those of the examples that were trained on. members are None where a network
    diverged: it predicts the frequencies of the classes.
    """

    configuration: Configuration
    settings: TrainingSettings
    preprocessing: Preprocessing
    class_counts: tuple[int, ...]
    members: tuple[Weights | None, ...]

    @property
    def most_frequent_class(self) -> int:
        """The class that wins every tie."""
        return int(np.argmax(self.class_counts))

    def probabilities(self, numeric: FloatArray, categorical: IntArray) -> Probabilities:
        """Probabilities [classes, N] of raw columns: the mean of the members' own.

        numeric is [N, columns] with NaN where a value is missing, categorical [N, columns] of
        codes into the levels, −1 for none of them.
        """
        features = self.preprocessing.apply(numeric, categorical)
        if len(features) == 0:
            return np.zeros((len(self.class_counts), 0))
        parts = [
            ensemble_mean(self._members(features[start : start + ROWS_AT_ONCE]))
            for start in range(0, len(features), ROWS_AT_ONCE)
        ]
        return np.concatenate(parts, axis=1)

    def _members(self, features: FloatArray) -> list[Probabilities]:
        """Each member's probabilities [classes, n], in the order of members."""
        counts = np.asarray(self.class_counts)
        frequencies = np.tile((counts / counts.sum())[:, None], (1, len(features)))
        networks = (weights for weights in self.members if weights is not None)
        predicted = self._networks(features, list(networks))
        members = [frequencies if w is None else next(predicted) for w in self.members]
        for own in members:
            # Finite weights may overflow on examples far from all that were seen.
            overflow = ~np.isfinite(own).all(axis=0)
            own[:, overflow] = frequencies[:, overflow]
        return members

    def _networks(self, features: FloatArray, weights: list[Weights]) -> Iterator[Probabilities]:
        inputs, classes = self.preprocessing.features, len(self.class_counts)
        padded = np.zeros((len(features), pad(inputs)), np.float32)
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and then overflows
            padded[:, :inputs] = features
        rows = np.arange(len(features))
        with independent_arithmetic():
            for start in range(0, len(weights), LARGEST_PROGRAM):
                own = weights[start : start + LARGEST_PROGRAM]
                networks = [Network(0, self.configuration, 0, member) for member in range(len(own))]
                predictor = Predictor(
                    networks, torch.from_numpy(padded), inputs, classes, self.settings
                )
                for k, member in enumerate(own):
                    names = _tensor_names(predictor.plan, k, self.configuration, self.settings)
                    matrices = [member[name] for name in names]
                    numbers = assemble_blocks(matrices, predictor.plan, k, torch.float32)
                    predictor.weights.put(k, numbers)
                yield from predictor.predict_rows([rows] * len(own))


def take_ensemble(
    segment: Segment,
    dataset: Dataset,
    replicate: int,
    members: Sequence[npt.NDArray[np.floating] | None],
) -> TrainedEnsemble:
    """The ensemble of a segment's only trial; members are the numbers [P] of its networks' states
    (see reported_weights), None where one diverged."""
    (work,) = segment.trials
    examples = _examples(segment, dataset)
    train = examples.splits[replicate].train
    used = examples.truth(work.configuration, replicate).train
    counts = np.bincount(examples.labels[replicate][used], minlength=examples.classes)
    network = Network(work.trial, work.configuration, replicate, 0)
    plan = StackedShape([network], examples.inputs, examples.classes, segment.settings).plan
    names = _tensor_names(plan, 0, work.configuration, segment.settings)
    return TrainedEnsemble(
        configuration=work.configuration,
        settings=segment.settings,
        preprocessing=fit_preprocessing(dataset, train),
        class_counts=tuple(counts.tolist()),
        members=tuple(
            None if numbers is None else _named_weights(numbers, plan, names) for numbers in members
        ),
    )


def reported_weights(
    state: CohortState, trial: int, replicate: int, member: int
) -> npt.NDArray[np.floating]:
    """The numbers [P] that a network was measured by: of its best epoch, under early stopping."""
    (own,) = state.select([trial]).trials
    network = own.networks[replicate, member]
    return network.weights if network.best is None else network.best


def measure_ensemble(
    ensemble: TrainedEnsemble, segment: Segment, dataset: Dataset, replicate: int
) -> tuple[float, float, float]:
    """Accuracy on the train, validation and test examples of a replicate, from raw columns."""
    (work,) = segment.trials
    truth = _examples(segment, dataset).truth(work.configuration, replicate)
    return accuracies(ensemble.probabilities(dataset.numeric, dataset.categorical), truth)


def tensor_shapes(
    configuration: Configuration, settings: TrainingSettings, inputs: int, classes: int
) -> dict[str, tuple[int, ...]]:
    """The tensors of a member with `inputs` features, by name: hidden.1.weight, output.bias, …

    Layers count from 1; a branch (of split_merge) or a piece (of maxout) is named where there are
    several of them.
    """
    plan = StackedShape([Network(0, configuration, 0, 0)], inputs, classes, settings).plan
    names = _tensor_names(plan, 0, configuration, settings)
    return {
        name: (block.fan_out,) if block.is_bias else (block.fan_in, block.fan_out)
        for name, block in zip(names, plan.networks[0], strict=True)
    }


def _tensor_names(
    plan: Plan, network: int, configuration: Configuration, settings: TrainingSettings
) -> list[str]:
    """A name for every block of a network, in their order."""
    branches, maxima = len(branch_widths(configuration)), pieces(configuration, settings)
    gates = {gate: region for region, gate in GATE_OF.items()}
    seen: dict[tuple[int, int], int] = {}
    names = []
    for block in plan.networks[network]:
        key = block.region, block.layer
        position = seen[key] = seen.get(key, -1) + 1
        region = gates.get(block.region, block.region)
        own_pieces = 1 if region == OUTPUT else maxima
        parts = ["output" if region in (OUTPUT, OUTPUT_BIAS) else f"hidden.{block.layer}"]
        if branches > 1 and region != OUTPUT_BIAS:
            parts.append(f"branch.{position // own_pieces}")
        if own_pieces > 1 and region != OUTPUT_BIAS:
            parts.append(f"piece.{position % own_pieces}")
        if block.region in gates:
            parts.append("gate")
        kinds = {RECURRENT: "recurrent_weight", HIDDEN_BIAS: "bias", OUTPUT_BIAS: "bias"}
        names.append(".".join([*parts, kinds.get(region, "weight")]))
    return names


def _named_weights(
    numbers: npt.NDArray[np.floating], plan: Plan, names: Sequence[str]
) -> dict[str, npt.NDArray[np.float32]]:
    matrices = real_blocks(torch.tensor(numbers), plan, 0)
    return {
        name: np.ascontiguousarray((matrix[0] if block.is_bias else matrix).numpy())
        for name, matrix, block in zip(names, matrices, plan.networks[0], strict=True)
    }


def _examples(segment: Segment, dataset: Dataset) -> Examples:
    """The segment's examples, as they were trained on, without a device."""
    return prepare_examples(
        dataset,
        segment.seed,
        segment.settings.replicates,
        segment.label_noise,
        torch.float32,
        torch.device("cpu"),
        refit=segment.refit,
    )
