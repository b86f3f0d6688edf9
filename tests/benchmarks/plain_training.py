"""The peer of the training benchmark: one network at a time, as a good plain loop trains it.

Modules of torch.nn, autograd, fused Adam, data as tensors indexed by a permutation per epoch, no
measurement inside the loop. Nothing is left out that would make it faster on one thread.
"""

import math

import torch
from torch import Tensor, nn

from workers.configuration import Activation, Configuration, Topology

MODULES = {
    Activation.SIGMOID: nn.Sigmoid,
    Activation.TANH: nn.Tanh,
    Activation.RELU: nn.ReLU,
    Activation.LEAKY_RELU: lambda: nn.LeakyReLU(0.1),
    Activation.ELU: nn.ELU,
    Activation.GELU: nn.GELU,
    Activation.SILU: nn.SiLU,
    Activation.SELU: nn.SELU,
}


def hidden_layer(configuration: Configuration, fan_in: int, width: int) -> nn.Sequential:
    parts = [nn.Linear(fan_in, width), MODULES[configuration.activation]()]
    if configuration.dropout > 0.0:
        parts.append(nn.Dropout(configuration.dropout))
    return nn.Sequential(*parts)


def stack(configuration: Configuration, inputs: int, width: int) -> nn.Sequential:
    fans = [inputs, *[width] * (configuration.depth - 1)]
    return nn.Sequential(
        *(part for fan_in in fans for part in hidden_layer(configuration, fan_in, width))
    )


class Residual(nn.Module):
    def __init__(self, configuration: Configuration, inputs: int, classes: int) -> None:
        super().__init__()
        width = configuration.width
        self.first = hidden_layer(configuration, inputs, width)
        self.rest = nn.ModuleList(
            hidden_layer(configuration, width, width) for _ in range(configuration.depth - 1)
        )
        self.output = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        for layer in self.rest:
            h = h + layer(h)
        return self.output(h)


class SplitMerge(nn.Module):
    def __init__(self, configuration: Configuration, inputs: int, classes: int) -> None:
        super().__init__()
        half = configuration.width // 2
        self.left = stack(configuration, inputs, half)
        self.right = stack(configuration, inputs, half)
        self.output = nn.Linear(2 * half, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(torch.cat([self.left(x), self.right(x)], 1))


class Recurrent(nn.Module):
    """torch's own recurrent layers, which know tanh and relu."""

    def __init__(self, configuration: Configuration, inputs: int, classes: int) -> None:
        super().__init__()
        self.per_step = math.isqrt(inputs)
        self.layers = nn.RNN(
            self.per_step,
            configuration.width,
            configuration.depth,
            nonlinearity=configuration.activation.value,
            dropout=configuration.dropout if configuration.depth > 1 else 0.0,
        )
        self.dropout = nn.Dropout(configuration.dropout)
        self.output = nn.Linear(configuration.width, classes)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.view(len(x), -1, self.per_step).transpose(0, 1)
        return self.output(self.dropout(self.layers(steps)[0][-1]))


def plain_module(configuration: Configuration, inputs: int, classes: int) -> nn.Module:
    match configuration.topology:
        case Topology.FEEDFORWARD:
            hidden = stack(configuration, inputs, configuration.width)
            return nn.Sequential(*hidden, nn.Linear(configuration.width, classes))
        case Topology.RESIDUAL:
            return Residual(configuration, inputs, classes)
        case Topology.SPLIT_MERGE:
            return SplitMerge(configuration, inputs, classes)
        case Topology.RECURRENT:
            return Recurrent(configuration, inputs, classes)


class PlainTraining:
    """One network with its optimizer."""

    def __init__(self, configuration: Configuration, x: Tensor, y: Tensor, classes: int) -> None:
        self.x, self.y, self.batch_size = x, y, configuration.batch_size
        self.module = plain_module(configuration, x.shape[1], classes)
        self.optimizer = torch.optim.Adam(
            self.module.parameters(),
            configuration.learning_rate,
            weight_decay=configuration.weight_decay,
            fused=True,
        )
        self.loss = nn.CrossEntropyLoss()

    def train_epoch(self) -> None:
        self.module.train()
        for index in torch.randperm(len(self.x)).split(self.batch_size):
            self.optimizer.zero_grad()
            self.loss(self.module(self.x[index]), self.y[index]).backward()
            self.optimizer.step()
