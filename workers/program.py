"""A program: the networks that are trained by the same batched products, and their training."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from workers.batches import EpochBatches, draw_batches
from workers.configuration import TrainingSettings
from workers.dropout import Dropout
from workers.examples import Examples
from workers.gated_layers import GatedLayers
from workers.initializers import initial_weights
from workers.loss import loss_gradient, probabilities
from workers.networks import Network, batch_rows
from workers.optimizers import Updater
from workers.parameters import Plan, Stack, assemble_blocks
from workers.recurrent_layers import RecurrentLayers, as_sequences
from workers.seeds import Purpose, random_generator
from workers.shapes import output_units, pad, sequence_shape
from workers.stacked_layers import StackedLayers
from workers.stacked_shape import INPUT, StackedShape

EVALUATION_ROWS = 128  # more of them leave the processor's cache between two layers


class Layers(Protocol):
    """Forward and backward passes of a program's networks over a fixed number of rows."""

    logits: Tensor
    d_logits: Tensor

    def gather(self, examples: Tensor, rows: Tensor) -> None: ...
    def forward(self, *, dropout: bool = False) -> None: ...
    def backward(self, *, dropout: bool = False) -> None: ...
    def activations(self, layer: int) -> list[tuple[int, list[Tensor]]]: ...


class Program:
    """K networks with their weights, moments and work space."""

    def __init__(
        self,
        networks: Sequence[Network],
        examples: Examples,
        settings: TrainingSettings,
        seed: int,
    ) -> None:
        self.networks, self.examples, self.settings, self.seed = networks, examples, settings, seed
        like = examples.features
        self.units = output_units(examples.classes)
        self.shape = StackedShape(networks, examples.inputs, examples.classes, settings)
        plan = self.plan
        self.features = like
        if self.shape.recurrent:
            self.features = as_sequences(like, examples.inputs)
        stacks = [Stack(plan, like.dtype, like.device) for _ in range(4)]
        self.weights, self.gradients, self.first, self.second = stacks
        own_rows = [
            batch_rows(network, len(examples.splits[network.replicate].train))
            for network in networks
        ]
        self.rows = max(own_rows)
        shape = self.shape
        self.dropout = None
        if any(network.configuration.dropout > 0.0 for network in networks):
            sizes = shape.depth, shape.branches, self.rows, shape.width
            self.dropout = Dropout(networks, own_rows, sizes, like)
        masks = None if self.dropout is None else self.dropout.masks
        self.layers = self._layers(self.rows, gradients=True, masks=masks)
        self.updater = Updater([network.configuration for network in networks], settings, *stacks)
        self.steps = [0] * len(networks)
        self.owners = np.asarray(plan.regions[INPUT].owners, np.int64)
        count = len(networks)
        self._evaluators: dict[int, Layers] = {}
        self.batch_targets = like.new_empty(count * self.rows, examples.targets.shape[1])

    @property
    def plan(self) -> Plan:
        """Where the parameters lie."""
        return self.shape.plan

    def _layers(self, rows: int, *, gradients: bool, masks: Tensor | None = None) -> Layers:
        stack = self.gradients if gradients else None
        if self.shape.recurrent:
            steps = sequence_shape(self.examples.inputs)[0]
            cells = GatedLayers if self.shape.gated else RecurrentLayers
            return cells(self.shape, steps, self.weights, rows, stack, masks)
        return StackedLayers(self.shape, self.weights, rows, stack, masks)

    def initialize(self, network: int) -> None:
        """Draw a network's initial weights from its own stream; biases are zero."""
        own = self.networks[network]
        rng = random_generator(self.seed, Purpose.WEIGHTS, own.replicate, own.member)
        scheme = own.configuration.initialization
        matrices = [
            np.zeros((1, block.fan_out))
            if block.is_bias
            else initial_weights(scheme, block.scale_in, block.fan_out, rng)[: block.fan_in]
            for block in self.plan.networks[network]
        ]
        numbers = assemble_blocks(matrices, self.plan, network, self.weights.flat.dtype)
        self.weights.put(network, numbers)

    def train_epoch(self, epoch: int) -> None:
        """One epoch (counted from 1) of every network."""
        batches = draw_batches(
            self.networks, self.owners, self.examples, self.rows, self.seed, epoch
        )
        self.updater.prepare_epoch(self.steps, batches.steps)
        if self.dropout is not None:
            self.dropout.start_epoch(self.seed, epoch)
        for step in range(max(batches.steps)):
            self.train_step(batches, step)
        self.steps = [done + new for done, new in zip(self.steps, batches.steps, strict=True)]

    def train_step(self, batches: EpochBatches, step: int) -> None:
        """One step of the networks that take part in it."""
        layers = self.layers
        if self.dropout is not None:
            self.dropout.draw(step, batches.steps)
        layers.gather(self.features, batches.rows[step])
        layers.forward(dropout=self.dropout is not None)
        self.differentiate_loss(batches.target_rows[step], batches.weights[step], layers)
        layers.backward(dropout=self.dropout is not None)
        self.updater.update(step)

    def differentiate_loss(self, rows: Tensor, weights: Tensor, layers: Layers) -> None:
        """After layers.forward(): the loss gradient with respect to the logits of these rows."""
        logits = layers.logits
        out = layers.d_logits[: len(self.networks)]
        targets = self.batch_targets
        if len(targets) != len(rows):
            targets = targets.new_empty(len(rows), targets.shape[1])
        torch.index_select(self.examples.targets, 0, rows, out=targets)
        loss_gradient(logits, targets.view(logits.shape), weights, self.units, out)

    def predict(self, examples: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Each network's probabilities [classes, n] of its examples, in evaluation mode."""
        longest = max(len(own) for own in examples)
        blocks = -(-longest // EVALUATION_ROWS)
        rows = pad(-(-longest // blocks))
        layers = self._evaluator(rows)
        found = self.features.new_empty(len(self.networks), self.examples.classes, blocks * rows)
        table = np.empty((len(self.networks), blocks * rows), np.int64)
        for k, (network, own) in enumerate(zip(self.networks, examples, strict=True)):
            offset = self.examples.row_offset(network.replicate)
            table[k] = offset
            table[k, : len(own)] += own
        for start in range(0, blocks * rows, rows):
            index = np.ascontiguousarray(table[self.owners, start : start + rows])
            device = self.weights.flat.device
            layers.gather(self.features, torch.from_numpy(index.reshape(-1)).to(device))
            layers.forward()
            probabilities(layers.logits, self.units, found[:, :, start : start + rows])
        together = found.cpu().numpy()
        return [together[k, :, : len(own)] for k, own in enumerate(examples)]

    def probe_layers(self, rows: int) -> Layers:
        """Layers without dropout that leave gradients in `gradients`."""
        return self._layers(rows, gradients=True)

    def _evaluator(self, rows: int) -> Layers:
        """Layers for evaluation, kept as long as the number of rows stays the same."""
        if rows not in self._evaluators:
            self._evaluators[rows] = self._layers(rows, gradients=False)
        return self._evaluators[rows]
