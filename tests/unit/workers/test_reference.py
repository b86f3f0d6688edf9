"""The fused programs against plain modules, autograd and torch.optim, in float64."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.configuration import (
    Activation,
    Configuration,
    Initialization,
    Optimizer,
    RecurrentCell,
    Topology,
    TrainingSettings,
)
from workers.data import Dataset, DataSource, dataset_from_memory
from workers.networks.network import Network, group_networks
from workers.networks.parameters import real_blocks
from workers.training.batches import draw_batches
from workers.training.examples import prepare_examples
from workers.training.program import Program

STEPS = 20
SEED = 5
WIRINGS = [
    *((topology, RecurrentCell.SIMPLE) for topology in Topology),
    (Topology.RECURRENT, RecurrentCell.GATED),
]


def made_up_data(classes: int) -> Dataset:
    rng = np.random.default_rng(classes)
    return dataset_from_memory(
        rng.normal(size=(90, 7)), np.arange(90) % classes, DataSource("arrays")
    )


class PlainNetwork(nn.Module):
    """One network written as anyone would; masks [layers, branches, B, units] come from outside."""

    def __init__(
        self, configuration: Configuration, settings: TrainingSettings, blocks: list[Tensor]
    ) -> None:
        super().__init__()
        self.configuration, self.settings = configuration, settings
        self.parameters_in_order = nn.ParameterList([block.clone() for block in blocks])

    def activate(self, pieces: list[Tensor]) -> Tensor:  # noqa: PLR0911
        z = pieces[0]
        match self.configuration.activation:
            case Activation.SIGMOID:
                return torch.sigmoid(z)
            case Activation.TANH:
                return torch.tanh(z)
            case Activation.RELU:
                return functional.relu(z)
            case Activation.LEAKY_RELU:
                return functional.leaky_relu(z, self.settings.leaky_relu_slope)
            case Activation.ELU:
                return functional.elu(z, self.settings.elu_alpha)
            case Activation.MAXOUT:
                for other in pieces[1:]:  # equal pieces: the gradient is the first one's
                    z = torch.where(z >= other, z, other)
                return z
            case Activation.GELU:
                return functional.gelu(z)
            case Activation.SILU:
                return functional.silu(z)
            case Activation.SELU:
                return functional.selu(z)

    def forward(self, x: Tensor, masks: Tensor) -> Tensor:
        own = iter(self.parameters_in_order)
        c = self.configuration
        pieces = self.settings.maxout_pieces if c.activation is Activation.MAXOUT else 1
        widths = [(c.width + 1) // 2, c.width // 2]
        branches = widths if c.topology is Topology.SPLIT_MERGE else [c.width]
        if c.topology is Topology.RECURRENT:
            if self.settings.recurrent_cell is RecurrentCell.GATED:
                return self.gated(x, masks, own, pieces)
            return self.recurrent(x, masks, own, pieces)
        h = [x for _ in branches]
        for layer in range(c.depth):
            for branch, width in enumerate(branches):
                z = [h[branch] @ next(own) + next(own) for _ in range(pieces)]
                new = self.activate(z) * masks[layer, branch, :, :width]
                h[branch] = h[branch] + new if c.topology is Topology.RESIDUAL and layer else new
        merged = torch.cat(h, 1)
        output = torch.cat([next(own) for _ in branches], 0)
        return merged @ output + next(own)

    def recurrent(self, x, masks, own, pieces):
        c = self.configuration
        sequence = as_sequence(x)
        for layer in range(c.depth):
            weights = [(next(own), next(own), next(own)) for _ in range(pieces)]
            h = x.new_zeros(len(x), c.width)
            outputs = []
            for item in sequence:
                h = self.activate([item @ w + h @ u + b for w, u, b in weights])
                outputs.append(h * masks[layer, 0, :, : c.width])
            sequence = outputs
        return sequence[-1] @ next(own) + next(own)

    def gated(self, x, masks, own, pieces):
        """Minimal gated units; maxout takes the largest of its gated pieces."""
        c = self.configuration
        sequence = as_sequence(x)
        for layer in range(c.depth):
            weights = [[next(own) for _ in range(6)] for _ in range(pieces)]
            h = x.new_zeros(len(x), c.width)
            outputs = []
            for item in sequence:
                mixed = []
                for w, u, b, gate_w, gate_u, gate_b in weights:
                    f = torch.sigmoid(item @ gate_w + h @ gate_u + gate_b)
                    z = item @ w + (f * h) @ u + b
                    candidate = z if pieces > 1 else self.activate([z])
                    mixed.append((1 - f) * h + f * candidate)
                h = self.activate(mixed) if pieces > 1 else mixed[0]
                outputs.append(h * masks[layer, 0, :, : c.width])
            sequence = outputs
        return sequence[-1] @ next(own) + next(own)


def as_sequence(x: Tensor) -> list[Tensor]:
    per_step = math.isqrt(x.shape[1])
    steps = -(-x.shape[1] // per_step)
    padded = functional.pad(x, (0, steps * per_step - x.shape[1]))
    return list(padded.split(per_step, dim=1))


def plain_optimizer(configuration: Configuration, module: nn.Module) -> torch.optim.Optimizer:
    rate, decay = configuration.learning_rate, configuration.weight_decay
    parameters = module.parameters()
    match configuration.optimizer:
        case Optimizer.SGD:
            return torch.optim.SGD(parameters, rate, weight_decay=decay)
        case Optimizer.MOMENTUM:
            return torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay)
        case Optimizer.RMSPROP:
            return torch.optim.RMSprop(parameters, rate, weight_decay=decay)
        case Optimizer.ADAM:
            return torch.optim.Adam(parameters, rate, weight_decay=decay)
        case Optimizer.ADAMW:
            return torch.optim.AdamW(parameters, rate, weight_decay=decay)


def every_combination(topology: Topology) -> list[Network]:
    initializations = list(Initialization)
    networks = []
    for i, activation in enumerate(Activation):
        for j, optimizer in enumerate(Optimizer):
            configuration = Configuration(
                topology=topology,
                depth=1 + (i + j) % 4,
                width=11,
                activation=activation,
                initialization=initializations[3 + (i + j) % 6],
                dropout=0.25 * ((i // 2 + j) % 2),
                learning_rate=3e-3,
                weight_decay=1e-2 * (i % 3),
                batch_size=16 + j,
                optimizer=optimizer,
                train_fraction=1.0 - 0.1 * (i % 2),
            )
            networks.append(Network(len(networks), configuration, 0, j))
    return networks


@pytest.mark.parametrize(("classes", "clip"), [(2, None), (3, None), (3, 0.5)])
@pytest.mark.parametrize(("topology", "cell"), WIRINGS)
def test_every_activation_and_optimizer_agrees_with_a_plain_module(topology, cell, classes, clip):
    settings = TrainingSettings(replicates=1, gradient_clip=clip, recurrent_cell=cell)
    cpu = torch.device("cpu")
    examples = prepare_examples(made_up_data(classes), SEED, 1, 0.0, torch.float64, cpu)
    counts = [len(examples.splits[0].train)]
    for group in group_networks(every_combination(topology), counts):
        check_program(Program(group, examples, settings, SEED))


def check_program(program: Program) -> None:
    for k in range(len(program.networks)):
        program.initialize(k)
    initial = [program.weights.take(k) for k in range(len(program.networks))]
    drawn = []
    step_of = [0] * len(program.networks)
    epoch = 0
    while len(drawn) < STEPS:
        epoch += 1
        batches = draw_batches(
            program.networks, program.owners, program.examples, program.rows, SEED, epoch
        )
        program.updater.prepare_epoch(step_of, batches.steps)
        program.dropout.start_epoch(SEED, epoch)
        for step in range(max(batches.steps)):
            program.train_step(batches, step)
            masks = program.dropout.masks.clone()
            rows = batches.target_rows[step].view(len(program.networks), -1)
            real = batches.weights[step, :, :, 0] > 0
            drawn.append((rows, real, masks))
        step_of = [a + b for a, b in zip(step_of, batches.steps, strict=True)]
    for k in range(len(program.networks)):
        expected = train_plainly(program, k, initial[k], drawn)
        found = real_blocks(program.weights.take(k), program.parameters, k)
        for own, other in zip(found, expected, strict=True):
            assert torch.allclose(own, other, rtol=1e-9, atol=1e-9), program.networks[k]


@torch.enable_grad()
def train_plainly(program: Program, k: int, initial: Tensor, drawn) -> list[Tensor]:
    configuration = program.networks[k].configuration
    examples = program.examples
    module = PlainNetwork(
        configuration, program.settings, real_blocks(initial, program.parameters, k)
    )
    optimizer = plain_optimizer(configuration, module)
    for rows, real, masks in drawn:
        if not real[k].any():
            continue
        index = rows[k][real[k]]
        x = examples.features[index, : examples.inputs]
        labels = torch.from_numpy(examples.labels[0])[index]
        logits = module(x, masks[k, :, :, : len(index)])
        if examples.task.outputs == 1:
            loss = functional.binary_cross_entropy_with_logits(logits[:, 0], labels.double())
        else:
            loss = functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        if program.settings.gradient_clip is not None:
            nn.utils.clip_grad_norm_(module.parameters(), program.settings.gradient_clip)
        optimizer.step()
    return [parameter.detach() for parameter in module.parameters()]
