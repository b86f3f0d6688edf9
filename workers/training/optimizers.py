"""One update rule whose coefficients, per network and step, make it any of the optimizers.

    g ← g + coupled · w                     L2 regularization, in all but adamw
    m ← m + first · (g − m)
    v ← v + second · (g² − v)
    w ← shrink · w                          decoupled weight decay: adamw
    w ← w − step · m / (scale · √v + epsilon)

sgd has first = 1, second = 0, scale = 0, epsilon = 1; momentum's velocity is m / first, which
moves into step; rmsprop has first = 1; adam's corrections of bias are in step and scale. A network
that does not take part in a step has first = second = step = 0 and shrink = 1: nothing of it moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workers.configuration import Configuration, Optimizer, TrainingSettings
from workers.networks.parameters import Stack

ADAM_BETAS = 0.9, 0.999
RMSPROP_DECAY = 0.99
EPSILON = 1e-8
CLIP_EPSILON = 1e-6  # added to a norm before it divides, as torch does
CHUNK = 1 << 16  # numbers updated at a time: what one pass leaves in the cache, the next one reads

COEFFICIENTS = ("coupled", "first", "second", "shrink", "step", "scale", "epsilon")
IDLE = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0)


def coefficients(
    configuration: Configuration, settings: TrainingSettings, steps: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """A network's coefficients [COEFFICIENTS, steps] at these steps, counted from 1."""
    rate, decay = configuration.learning_rate, configuration.weight_decay
    table = np.empty((len(COEFFICIENTS), len(steps)))
    match configuration.optimizer:
        case Optimizer.SGD:
            constant = decay, 1.0, 0.0, 1.0, rate, 0.0, 1.0
        case Optimizer.MOMENTUM:
            first = 1.0 - settings.momentum
            constant = decay, first, 0.0, 1.0, rate / first, 0.0, 1.0
        case Optimizer.RMSPROP:
            constant = decay, 1.0, 1.0 - RMSPROP_DECAY, 1.0, rate, 1.0, EPSILON
        case Optimizer.ADAM:
            constant = decay, 1.0 - ADAM_BETAS[0], 1.0 - ADAM_BETAS[1], 1.0, rate, 1.0, EPSILON
        case Optimizer.ADAMW:
            shrink = 1.0 - rate * decay
            constant = 0.0, 1.0 - ADAM_BETAS[0], 1.0 - ADAM_BETAS[1], shrink, rate, 1.0, EPSILON
    table[:] = np.array(constant)[:, None]
    if configuration.optimizer in (Optimizer.ADAM, Optimizer.ADAMW):
        table[COEFFICIENTS.index("step")] /= 1.0 - ADAM_BETAS[0] ** steps
        table[COEFFICIENTS.index("scale")] /= np.sqrt(1.0 - ADAM_BETAS[1] ** steps)
    return table


@dataclass(eq=False)
class Chunk:
    """Some slots of one region: views [slots, size] of all four stacks."""

    region: int
    slots: slice
    weights: Tensor
    gradients: Tensor
    first: Tensor
    second: Tensor
    coefficients: tuple[Tensor, ...]  # of the current step, each [slots, 1]


class Updater:
    """Updates all parameters of a program in place."""

    def __init__(
        self,
        configurations: Sequence[Configuration],
        settings: TrainingSettings,
        weights: Stack,
        gradients: Stack,
        first: Stack,
        second: Stack,
    ) -> None:
        self.configurations, self.settings = configurations, settings
        self.coupled = any(
            c.weight_decay and c.optimizer is not Optimizer.ADAMW for c in configurations
        )
        self.decoupled = any(
            c.weight_decay and c.optimizer is Optimizer.ADAMW for c in configurations
        )
        self.like = weights.flat
        self.owners = [
            torch.tensor(region.owners, dtype=torch.int64, device=self.like.device)
            for region in weights.layout.regions
        ]
        counts = [len(region.owners) for region in weights.layout.regions]
        self.slot_owners = torch.cat(self.owners)
        self.current = self.like.new_zeros(len(COEFFICIENTS), sum(counts), 1)
        self.chunks: list[Chunk] = []
        for number, region in enumerate(weights.layout.regions):
            offset = sum(counts[:number])
            each = max(1, CHUNK // region.size)
            w, g, m, v = (
                stack.regions[number].view(counts[number], region.size)
                for stack in (weights, gradients, first, second)
            )
            for start in range(0, counts[number], each):
                end = min(start + each, counts[number])
                own = self.current[:, offset + start : offset + end].unbind(0)
                slots = slice(start, end)
                self.chunks.append(
                    Chunk(number, slots, w[slots], g[slots], m[slots], v[slots], own)
                )

    def prepare_epoch(self, first_steps: Sequence[int], counts: Sequence[int]) -> None:
        """Coefficients of an epoch: network k takes counts[k] steps after its first_steps[k]."""
        table = np.empty((max(counts), len(COEFFICIENTS), len(counts)))
        table[:] = np.array(IDLE)[:, None]
        for k, configuration in enumerate(self.configurations):
            own = first_steps[k] + 1 + np.arange(counts[k])
            table[: counts[k], :, k] = coefficients(configuration, self.settings, own).T
        table[:, COEFFICIENTS.index("step")] *= -1.0
        values = torch.from_numpy(table).to(self.like.device, self.like.dtype)
        self.by_step = values[:, :, self.slot_owners].unsqueeze(-1)
        self.all_active = min(counts)
        taking_part = torch.from_numpy(np.arange(max(counts))[:, None] < np.array(counts))
        self.idle = ~taking_part.to(self.like.device)

    def update(self, step: int) -> None:
        """One step of every network that takes part in it; gradients are overwritten."""
        self.current.copy_(self.by_step[step])
        if step >= self.all_active:  # even a gradient that overflows must leave no trace
            for chunk in self.chunks:
                owners = self.owners[chunk.region][chunk.slots]
                chunk.gradients.masked_fill_(self.idle[step][owners, None], 0.0)
        if self.settings.gradient_clip is not None:
            self._clip(self.settings.gradient_clip)
        for chunk in self.chunks:
            w, g, m, v = chunk.weights, chunk.gradients, chunk.first, chunk.second
            coupled, first, second, shrink, down, scale, epsilon = chunk.coefficients
            if self.coupled:
                g.addcmul_(w, coupled)
            m.lerp_(g, first)
            torch.mul(g, g, out=g)
            v.lerp_(g, second)
            torch.sqrt(v, out=g)
            g.mul_(scale).add_(epsilon)
            torch.div(m, g, out=g)
            if self.decoupled:
                w.mul_(shrink)
            w.addcmul_(g, down)

    def _clip(self, largest: float) -> None:
        """Scale each network's gradient down to the norm `largest` (Pascanu et al. 2013)."""
        squares = torch.zeros(
            len(self.configurations), dtype=self.like.dtype, device=self.like.device
        )
        for chunk in self.chunks:
            owners = self.owners[chunk.region][chunk.slots]
            squares.index_add_(0, owners, (chunk.gradients * chunk.gradients).sum(1))
        factors = torch.clamp_max(largest / (squares.sqrt() + CLIP_EPSILON), 1.0)
        for chunk in self.chunks:
            owners = self.owners[chunk.region][chunk.slots]
            chunk.gradients.mul_(factors[owners].unsqueeze(1))
