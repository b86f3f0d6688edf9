"""Activation functions of hidden layers, and their derivatives, on stacks of networks.

Each kernel writes into given tensors. Those marked in_place find the derivative from the function's
value, so that the value may overwrite its argument.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from workers.configuration import Activation, TrainingSettings

aten: Any = torch.ops.aten

SELU_ALPHA = 1.6732632423543772  # Klambauer et al. 2017: fixed point of mean 0 and variance 1
SELU_SCALE = 1.0507009873554805


class Kernel(ABC):
    """A function of one pre-activation per unit."""

    in_place = True

    @abstractmethod
    def forward(self, z: Tensor, out: Tensor) -> None:
        """out = f(z)."""

    @abstractmethod
    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        """out = gradient · f′, where saved is f(z) if in_place, else z. out may be gradient."""


class Sigmoid(Kernel):
    """1 / (1 + e⁻ᶻ)."""

    def forward(self, z: Tensor, out: Tensor) -> None:
        torch.sigmoid(z, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.sigmoid_backward.grad_input(gradient, saved, grad_input=out)


class Tanh(Kernel):
    """(eᶻ − e⁻ᶻ) / (eᶻ + e⁻ᶻ)."""

    def forward(self, z: Tensor, out: Tensor) -> None:
        torch.tanh(z, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.tanh_backward.grad_input(gradient, saved, grad_input=out)


class Relu(Kernel):
    """max(0, z)."""

    def forward(self, z: Tensor, out: Tensor) -> None:
        torch.clamp_min(z, 0.0, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.threshold_backward.grad_input(gradient, saved, 0.0, grad_input=out)


class LeakyRelu(Kernel):
    """max(slope · z, z)."""

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def forward(self, z: Tensor, out: Tensor) -> None:
        aten.leaky_relu.out(z, self.slope, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.leaky_relu_backward.grad_input(gradient, saved, self.slope, True, grad_input=out)


class Elu(Kernel):
    """scale · z where z > 0, else scale · alpha · (eᶻ − 1)."""

    def __init__(self, alpha: float, scale: float = 1.0) -> None:
        self.alpha, self.scale = alpha, scale

    def forward(self, z: Tensor, out: Tensor) -> None:
        aten.elu.out(z, self.alpha, self.scale, 1.0, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.elu_backward.grad_input(
            gradient, self.alpha, self.scale, 1.0, True, saved, grad_input=out
        )


class Gelu(Kernel):
    """z · Φ(z), Φ the standard normal distribution (Hendrycks and Gimpel 2016)."""

    in_place = False

    def forward(self, z: Tensor, out: Tensor) -> None:
        aten.gelu.out(z, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.gelu_backward.grad_input(gradient, saved, grad_input=out)


class Silu(Kernel):
    """z · sigmoid(z)."""

    in_place = False

    def forward(self, z: Tensor, out: Tensor) -> None:
        aten.silu.out(z, out=out)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        aten.silu_backward.grad_input(gradient, saved, grad_input=out)


class Identity(Kernel):
    """z: what follows the largest piece of a maxout unit."""

    def forward(self, z: Tensor, out: Tensor) -> None:
        out.copy_(z)

    def backward(self, gradient: Tensor, saved: Tensor, out: Tensor) -> None:
        out.copy_(gradient)


def kernel_for(  # noqa: PLR0911 - one per activation
    activation: Activation, settings: TrainingSettings
) -> Kernel:
    """The kernel of an activation; maxout's own part, the choice of a piece, is the layer's."""
    match activation:
        case Activation.SIGMOID:
            return Sigmoid()
        case Activation.TANH:
            return Tanh()
        case Activation.RELU:
            return Relu()
        case Activation.LEAKY_RELU:
            return LeakyRelu(settings.leaky_relu_slope)
        case Activation.ELU:
            return Elu(settings.elu_alpha)
        case Activation.SELU:
            return Elu(SELU_ALPHA, SELU_SCALE)
        case Activation.GELU:
            return Gelu()
        case Activation.SILU:
            return Silu()
        case Activation.MAXOUT:
            return Identity()
