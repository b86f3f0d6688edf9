"""A replicate's trained ensemble: as it is exported: its networks without the program that trained
them, and their predictions.

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
from workers.data.preprocessing import BoolArray, fit_preprocessing
from workers.networks.arithmetic import independent_arithmetic
from workers.networks.layers.layout import SliceLayout
from workers.networks.network import LARGEST_PROGRAM, Network
from workers.networks.parameters import ParameterLayout, assemble_blocks, real_blocks
from workers.networks.predictor import Predictor
from workers.networks.shapes import pad
from workers.networks.topologies.registry import network_parameters, network_topology
from workers.segment import Segment
from workers.tasks.task import Predictions, TargetSummary, Task
from workers.training.examples import Examples, prepare_examples
from workers.training.metrics import ensemble_mean, scores
from workers.training.states import CohortState

ROWS_AT_ONCE = 16_384  # bounds what the predictions of all members take in memory

# A network's matrices [fan in, fan out] and biases [fan out], by the names of tensor_shapes().
Weights: TypeAlias = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class TrainedEnsemble:
    """Everything that predicting needs.

    target is what the task remembers of the examples that were trained on. members are None where a
    network diverged: it predicts the task's fallback.
    """

    configuration: Configuration
    settings: TrainingSettings
    preprocessing: Preprocessing
    task: Task
    target: TargetSummary
    members: tuple[Weights | None, ...]

    def predict(self, numeric: FloatArray, categorical: IntArray) -> Predictions:
        """Predictions [P, N] of raw columns: the mean of the members' own.

        numeric is [N, columns] with NaN where a value is missing, categorical [N, columns] of
        codes into the levels, −1 for none of them.
        """
        features = self.preprocessing.apply(numeric, categorical)
        if len(features) == 0:
            return np.zeros((self.task.predicted, 0))
        parts = [
            ensemble_mean(self._members(features[start : start + ROWS_AT_ONCE]))
            for start in range(0, len(features), ROWS_AT_ONCE)
        ]
        return np.concatenate(parts, axis=1)

    def _members(self, features: FloatArray) -> list[Predictions]:
        """Each member's predictions [P, n], in the order of members."""
        fallback = np.tile(self.target.fallback[:, None], (1, len(features)))
        networks = (weights for weights in self.members if weights is not None)
        predicted = self._networks(features, list(networks))
        members = [fallback if w is None else next(predicted) for w in self.members]
        for own in members:
            # Finite weights may overflow on examples far from all that were seen.
            overflow = ~np.isfinite(own).all(axis=0)
            own[:, overflow] = fallback[:, overflow]
        return members

    def _networks(self, features: FloatArray, weights: list[Weights]) -> Iterator[Predictions]:
        inputs = self.preprocessing.features
        padded = np.zeros((len(features), pad(inputs)), np.float32)
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and then overflows
            padded[:, :inputs] = features
        rows = np.arange(len(features))
        with independent_arithmetic():
            for start in range(0, len(weights), LARGEST_PROGRAM):
                own = weights[start : start + LARGEST_PROGRAM]
                networks = [Network(0, self.configuration, 0, member) for member in range(len(own))]
                predictor = Predictor(
                    networks, torch.from_numpy(padded), inputs, self.task, self.settings
                )
                for k, member in enumerate(own):
                    matrices = [member[p.name] for p in predictor.parameters.of_network(k)]
                    numbers = assemble_blocks(matrices, predictor.parameters, k, torch.float32)
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
    train = examples.split(replicate).train
    topology = network_topology(work.configuration.topology, segment.settings)
    layout = SliceLayout(
        topology,
        [work.configuration],
        examples.inputs,
        examples.task.outputs,
        segment.settings,
    ).parameters
    preprocessing = fit_preprocessing(dataset, train)
    return TrainedEnsemble(
        configuration=work.configuration,
        settings=segment.settings,
        preprocessing=preprocessing,
        task=examples.task,
        target=examples.truth(work.configuration, replicate).summary,
        members=tuple(
            None
            if numbers is None
            else _without_untrained(_named_weights(numbers, layout), preprocessing.untrained)
            for numbers in members
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
    """The task's score on a replicate's train, validation and test examples, from raw columns."""
    (work,) = segment.trials
    truth = _examples(segment, dataset).truth(work.configuration, replicate)
    return scores(ensemble.predict(dataset.numeric, dataset.categorical), truth)


def tensor_shapes(
    configuration: Configuration, settings: TrainingSettings, inputs: int, outputs: int
) -> dict[str, tuple[int, ...]]:
    """The tensors of a member with `inputs` features, by name: hidden.1.weight, output.bias, …

    Layers count from 1; a branch (of split_merge) or a piece (of maxout) is named where there are
    several of them.
    """
    parameters = network_parameters(configuration, settings, inputs, outputs)
    return {
        own.name: (own.fan_out,) if own.is_bias else (own.fan_in, own.fan_out) for own in parameters
    }


def _named_weights(
    numbers: npt.NDArray[np.floating], layout: ParameterLayout
) -> dict[str, npt.NDArray[np.float32]]:
    matrices = real_blocks(torch.tensor(numbers), layout, 0)
    return {
        own.name: np.ascontiguousarray((matrix[0] if own.is_bias else matrix).numpy())
        for matrix, own in zip(matrices, layout.of_network(0), strict=True)
    }


def _without_untrained(weights: Weights, untrained: BoolArray) -> Weights:
    """The weights, 0 where they read inputs that are always 0.

    So a program that does not look at which inputs were trained predicts the same. Not where time
    steps share weights (recurrent).
    """
    cleared = dict(weights)
    for name, matrix in weights.items():
        first = name.startswith("hidden.1.") and name.endswith(".weight")
        if first and untrained.any() and len(matrix) == len(untrained):
            cleared[name] = np.where(untrained[:, None], np.float32(0.0), matrix)
    return cleared


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
        first_replicate=segment.first_replicate,
        shuffle=segment.shuffle,
    )
