"""A program: the networks that are trained by the same batched products, and their training."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from workers.configuration import TrainingSettings
from workers.networks.dropout import Dropout
from workers.networks.initializers import initial_weights
from workers.networks.network import Network, batch_rows
from workers.networks.parameters import Stack, assemble_blocks
from workers.networks.predictor import Predictor
from workers.networks.topologies.topology import Layers
from workers.seeds import Purpose, random_generator
from workers.training.batches import EpochBatches, draw_batches
from workers.training.examples import Examples
from workers.training.optimizers import Updater


class Program(Predictor):
    """K networks with their weights, moments and work space."""

    def __init__(
        self,
        networks: Sequence[Network],
        examples: Examples,
        settings: TrainingSettings,
        seed: int,
    ) -> None:
        super().__init__(networks, examples.features, examples.inputs, examples.task, settings)
        self.examples, self.seed = examples, seed
        like = examples.features
        stacks = [Stack(self.parameters, like.dtype, like.device) for _ in range(3)]
        self.gradients, self.first, self.second = stacks
        own_rows = [
            batch_rows(network, len(examples.split(network.replicate).train))
            for network in networks
        ]
        self.rows = max(own_rows)
        layout = self.layout
        self.dropout = None
        if any(network.configuration.dropout > 0.0 for network in networks):
            sizes = layout.depth, layout.branches, self.rows, layout.width
            self.dropout = Dropout(networks, own_rows, sizes, like)
        masks = None if self.dropout is None else self.dropout.masks
        self.layers = self.make_layers(self.rows, self.gradients, masks)
        configurations = [network.configuration for network in networks]
        self.updater = Updater(configurations, settings, self.weights, *stacks)
        self.steps = [0] * len(networks)
        self.batch_targets = like.new_empty(len(networks) * self.rows, examples.targets.shape[1])

    def initialize(self, network: int) -> None:
        """Draw a network's initial weights from its own stream; biases are zero."""
        named = self.networks[network]
        rng = random_generator(self.seed, Purpose.WEIGHTS, named.replicate, named.member)
        scheme = named.configuration.initialization
        matrices = [
            np.zeros((1, own.fan_out))
            if own.is_bias
            else initial_weights(scheme, own.scale_in, own.fan_out, rng)[: own.fan_in]
            for own in self.parameters.of_network(network)
        ]
        numbers = assemble_blocks(matrices, self.parameters, network, self.weights.flat.dtype)
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
        self.task.loss_gradient(logits, targets.view(logits.shape), weights, out)

    def predict(self, examples: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Each network's predictions [P, n] of its examples, in evaluation mode."""
        offsets = [self.examples.row_offset(network.replicate) for network in self.networks]
        return self.predict_rows(
            [offset + own for offset, own in zip(offsets, examples, strict=True)]
        )

    def probe_layers(self, rows: int) -> Layers:
        """Layers without dropout that leave gradients in `gradients`."""
        return self.make_layers(rows, self.gradients)
