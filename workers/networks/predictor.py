"""Predictions of networks that share one sequence of batched products."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from workers.configuration import TrainingSettings
from workers.networks.layers.layout import SliceLayout
from workers.networks.network import Network
from workers.networks.parameters import ParameterLayout, Stack
from workers.networks.shapes import pad
from workers.networks.topologies.registry import network_topology
from workers.networks.topologies.topology import Layers
from workers.networks.wiring import INPUT
from workers.tasks.task import Task

EVALUATION_ROWS = 128  # more of them leave the processor's cache between two layers


class Predictor:
    """K networks of one topology and padded width, with their weights: zeros, until they are put.

    features [rows, padded inputs] are those of all examples, of which `inputs` columns are real.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        features: Tensor,
        inputs: int,
        task: Task,
        settings: TrainingSettings,
    ) -> None:
        self.networks, self.settings = networks, settings
        self.task = task
        configurations = [network.configuration for network in networks]
        self.topology = network_topology(configurations[0].topology, settings)
        self.layout = SliceLayout(self.topology, configurations, inputs, task.outputs, settings)
        self.features = self.topology.arrange(features, inputs)
        self.weights = Stack(self.parameters, features.dtype, features.device)
        first_layer = self.parameters.regions[self.parameters.position(INPUT)]
        self.owners = np.asarray(first_layer.owners, np.int64)
        self._evaluators: dict[int, Layers] = {}

    @property
    def parameters(self) -> ParameterLayout:
        """Where the networks' parameters lie."""
        return self.layout.parameters

    def make_layers(
        self, rows: int, gradients: Stack | None = None, masks: Tensor | None = None
    ) -> Layers:
        """Layers over so many rows; with gradients, those that a backward pass needs as well."""
        return self.topology.layers(self.layout, self.weights, rows, gradients, masks)

    def predict_rows(self, rows_of: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Each network's predictions [P, n] of its rows [n] of the features, in evaluation mode."""
        longest = max(len(own) for own in rows_of)
        blocks = -(-longest // EVALUATION_ROWS)
        rows = pad(-(-longest // blocks))
        layers = self._evaluator(rows)
        found = self.features.new_empty(len(self.networks), self.task.predicted, blocks * rows)
        table = np.zeros((len(self.networks), blocks * rows), np.int64)
        for k, own in enumerate(rows_of):
            table[k, : len(own)] = own
        for start in range(0, blocks * rows, rows):
            index = np.ascontiguousarray(table[self.owners, start : start + rows])
            device = self.weights.flat.device
            layers.gather(self.features, torch.from_numpy(index.reshape(-1)).to(device))
            layers.forward()
            self.task.predict(layers.logits, found[:, :, start : start + rows])
        together = found.cpu().numpy()
        return [together[k, :, : len(own)] for k, own in enumerate(rows_of)]

    def _evaluator(self, rows: int) -> Layers:
        """Layers for evaluation, kept as long as the number of rows stays the same."""
        if rows not in self._evaluators:
            self._evaluators[rows] = self.make_layers(rows)
        return self._evaluators[rows]
