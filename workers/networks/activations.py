"""Activation functions of hidden layers, on stacks of networks: each is one class, which FUNCTIONS
names.

A function writes into given tensors. Those marked in_place find the derivative from the function's
value, so that the value may overwrite its argument.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workers.configuration import Activation, TrainingSettings

aten: Any = torch.ops.aten

SELU_ALPHA = 1.6732632423543772  # Klambauer et al. 2017: fixed point of mean 0 and variance 1
SELU_SCALE = 1.0507009873554805
FLAT = 0.01  # a sigmoid within this of 0 or 1 is flat; the others are scaled alike

Values = npt.NDArray[np.floating]


class ActivationFunction(ABC):
    """A function of one pre-activation per unit.

    at_zero is f(0): where it is not 0, padded units are set to zero after every step, or weights
    from padding would learn. pieces are the linear functions per unit, of which it is the largest.
    """

    in_place: ClassVar[bool] = True
    at_zero: ClassVar[float] = 0.0
    pieces: int = 1

    @classmethod
    def from_settings(cls, settings: TrainingSettings) -> Self:
        """The function with the parameters that a study gives it."""
        return cls()

    @abstractmethod
    def forward(self, z: Tensor, out: Tensor) -> None:
        """out = f(z)."""

    @abstractmethod
    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        """out = gradient · f′, where saved is f(z) if in_place, else z. out may be gradient."""

    @abstractmethod
    def saturated_share(self, values: Values) -> float:
        """Share of activations [examples, units] where the function is flat.

        For functions that are cut off below zero: the share of units that no example activates.
        """


class Sigmoid(ActivationFunction):
    """1 / (1 + e⁻ᶻ)."""

    at_zero = 0.5

    def forward(self, z: Tensor, out: Tensor) -> None:
        torch.sigmoid(z, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.sigmoid_backward.grad_input(gradient, saved, grad_input=out)

    def saturated_share(self, values: Values) -> float:
        return float(((values < FLAT) | (values > 1.0 - FLAT)).mean())


class Tanh(ActivationFunction):
    """(eᶻ − e⁻ᶻ) / (eᶻ + e⁻ᶻ)."""

    def forward(self, z: Tensor, out: Tensor) -> None:
        torch.tanh(z, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.tanh_backward.grad_input(gradient, saved, grad_input=out)

    def saturated_share(self, values: Values) -> float:
        return float((np.abs(values) > 1.0 - 2.0 * FLAT).mean())


class Relu(ActivationFunction):
    """max(0, z)."""

    def forward(self, z: Tensor, out: Tensor) -> None:
        torch.clamp_min(z, 0.0, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.threshold_backward.grad_input(gradient, saved, 0.0, grad_input=out)

    def saturated_share(self, values: Values) -> float:
        return never_active_share(values)


class LeakyRelu(ActivationFunction):
    """max(slope · z, z)."""

    def __init__(self, slope: float) -> None:
        self.slope = slope

    @classmethod
    def from_settings(cls, settings: TrainingSettings) -> Self:
        return cls(settings.leaky_relu_slope)

    def forward(self, z: Tensor, out: Tensor) -> None:
        aten.leaky_relu.out(z, self.slope, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.leaky_relu_backward.grad_input(gradient, saved, self.slope, True, grad_input=out)

    def saturated_share(self, values: Values) -> float:
        return never_active_share(values)


class Elu(ActivationFunction):
    """scale · z where z > 0, else scale · alpha · (eᶻ − 1)."""

    def __init__(self, alpha: float, scale: float = 1.0) -> None:
        self.alpha, self.scale = alpha, scale

    @classmethod
    def from_settings(cls, settings: TrainingSettings) -> Self:
        return cls(settings.elu_alpha)

    def forward(self, z: Tensor, out: Tensor) -> None:
        aten.elu.out(z, self.alpha, self.scale, 1.0, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.elu_backward.grad_input(
            gradient, self.alpha, self.scale, 1.0, True, saved, grad_input=out
        )

    def saturated_share(self, values: Values) -> float:
        return float((values < -(1.0 - FLAT) * self.alpha * self.scale).mean())


class Selu(Elu):
    """An elu whose activations keep mean 0 and variance 1 from layer to layer."""

    @classmethod
    def from_settings(cls, settings: TrainingSettings) -> Self:
        return cls(SELU_ALPHA, SELU_SCALE)


class Gelu(ActivationFunction):
    """z · Φ(z), Φ the standard normal distribution (Hendrycks and Gimpel 2016)."""

    in_place = False

    def forward(self, z: Tensor, out: Tensor) -> None:
        aten.gelu.out(z, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.gelu_backward.grad_input(gradient, saved, grad_input=out)

    def saturated_share(self, values: Values) -> float:
        return never_active_share(values)


class Silu(ActivationFunction):
    """z · sigmoid(z)."""

    in_place = False

    def forward(self, z: Tensor, out: Tensor) -> None:
        aten.silu.out(z, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.silu_backward.grad_input(gradient, saved, grad_input=out)

    def saturated_share(self, values: Values) -> float:
        return never_active_share(values)


class Identity(ActivationFunction):
    """z; nowhere flat."""

    def forward(self, z: Tensor, out: Tensor) -> None:
        out.copy_(z)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        out.copy_(gradient)

    def saturated_share(self, values: Values) -> float:
        return 0.0


class Maxout(Identity):
    """The largest of several linear functions (Goodfellow et al. 2013), each of which is z itself;
    largest_piece makes the unit of them."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces

    @classmethod
    def from_settings(cls, settings: TrainingSettings) -> Self:
        return cls(settings.maxout_pieces)


FUNCTIONS: Mapping[Activation, type[ActivationFunction]] = {
    Activation.SIGMOID: Sigmoid,
    Activation.TANH: Tanh,
    Activation.RELU: Relu,
    Activation.LEAKY_RELU: LeakyRelu,
    Activation.ELU: Elu,
    Activation.MAXOUT: Maxout,
    Activation.GELU: Gelu,
    Activation.SILU: Silu,
    Activation.SELU: Selu,
}


def activation_function(activation: Activation, settings: TrainingSettings) -> ActivationFunction:
    """The function of an activation."""
    return FUNCTIONS[activation].from_settings(settings)


def never_active_share(values: Values) -> float:
    """Share of units, of activations [examples, units], that are positive for no example."""
    return float((values <= 0.0).all(axis=0).mean())


def largest_piece(z: Tensor, out: Tensor) -> None:
    """out [b, n, B, W] = the largest of the pieces z [b, p, n, B, W]; there are at least two."""
    torch.maximum(z[:, 0], z[:, 1], out=out)
    for piece in range(2, z.shape[1]):
        torch.maximum(out, z[:, piece], out=out)


def largest_piece_backward(gradient: Tensor, z: Tensor, value: Tensor, out: Tensor) -> None:
    """out [b, p, n, B, W] = gradient of the pieces z, whose largest is value [b, n, B, W].

    All of it goes to the first piece that attains the maximum. gradient is overwritten.
    """
    last = z.shape[1] - 1
    for piece in range(last):
        own = out[:, piece]
        torch.ge(z[:, piece], value, out=own)
        own.mul_(gradient)
        gradient.sub_(own)
    out[:, last] = gradient
