"""Predictions of networks that share one sequence of batched products."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from workers.configuration import TrainingSettings
from workers.networks.loss import probabilities
from workers.networks.network import Network
from workers.networks.parameters import Plan, Stack
from workers.networks.shapes import output_units, pad, sequence_shape
from workers.networks.topologies.feedforward import StackedLayers
from workers.networks.topologies.gated import GatedLayers
from workers.networks.topologies.layout import INPUT, StackedShape
from workers.networks.topologies.recurrent import RecurrentLayers, as_sequences

EVALUATION_ROWS = 128  # more of them leave the processor's cache between two layers


class Layers(Protocol):
    """Forward and backward passes of a program's networks over a fixed number of rows."""

    logits: Tensor
    d_logits: Tensor

    def gather(self, examples: Tensor, rows: Tensor) -> None: ...
    def forward(self, *, dropout: bool = False) -> None: ...
    def backward(self, *, dropout: bool = False) -> None: ...
    def activations(self, layer: int) -> list[tuple[int, list[Tensor]]]: ...


class Predictor:
    """K networks of one topology and padded width, with their weights: zeros, until they are put.

    features [rows, padded inputs] are those of all examples, of which `inputs` columns are real.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        features: Tensor,
        inputs: int,
        classes: int,
        settings: TrainingSettings,
    ) -> None:
        self.networks, self.settings = networks, settings
        self.units, self._inputs, self._classes = output_units(classes), inputs, classes
        self.shape = StackedShape(networks, inputs, classes, settings)
        self.features = as_sequences(features, inputs) if self.shape.recurrent else features
        self.weights = Stack(self.plan, features.dtype, features.device)
        self.owners = np.asarray(self.plan.regions[INPUT].owners, np.int64)
        self._evaluators: dict[int, Layers] = {}

    @property
    def plan(self) -> Plan:
        """Where the parameters lie."""
        return self.shape.plan

    def make_layers(
        self, rows: int, gradients: Stack | None = None, masks: Tensor | None = None
    ) -> Layers:
        """Layers over so many rows; with gradients, those that a backward pass needs as well."""
        if self.shape.recurrent:
            steps = sequence_shape(self._inputs)[0]
            cells = GatedLayers if self.shape.gated else RecurrentLayers
            return cells(self.shape, steps, self.weights, rows, gradients, masks)
        return StackedLayers(self.shape, self.weights, rows, gradients, masks)

    def predict_rows(self, rows_of: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Each network's probabilities [classes, n] of its rows [n] of the features, in evaluation
        mode."""
        longest = max(len(own) for own in rows_of)
        blocks = -(-longest // EVALUATION_ROWS)
        rows = pad(-(-longest // blocks))
        layers = self._evaluator(rows)
        found = self.features.new_empty(len(self.networks), self._classes, blocks * rows)
        table = np.zeros((len(self.networks), blocks * rows), np.int64)
        for k, own in enumerate(rows_of):
            table[k, : len(own)] = own
        for start in range(0, blocks * rows, rows):
            index = np.ascontiguousarray(table[self.owners, start : start + rows])
            device = self.weights.flat.device
            layers.gather(self.features, torch.from_numpy(index.reshape(-1)).to(device))
            layers.forward()
            probabilities(layers.logits, self.units, found[:, :, start : start + rows])
        together = found.cpu().numpy()
        return [together[k, :, : len(own)] for k, own in enumerate(rows_of)]

    def _evaluator(self, rows: int) -> Layers:
        """Layers for evaluation, kept as long as the number of rows stays the same."""
        if rows not in self._evaluators:
            self._evaluators[rows] = self.make_layers(rows)
        return self._evaluators[rows]
