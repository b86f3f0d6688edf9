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
from workers.parameters import Stack

ADAM_BETAS = 0.9, 0.999
RMSPROP_DECAY = 0.99
EPSILON = 1e-8
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
            for region in weights.plan.regions
        ]
        self.chunks: list[Chunk] = []
        for number, region in enumerate(weights.plan.regions):
            count = len(region.owners)
            each = max(1, CHUNK // region.size)
            views = [
                stack.regions[number].view(count, region.size)
                for stack in (weights, gradients, first, second)
            ]
            for start in range(0, count, each):
                slots = slice(start, min(start + each, count))
                self.chunks.append(Chunk(number, slots, *(view[slots] for view in views)))

    def prepare_epoch(self, first_steps: Sequence[int], counts: Sequence[int]) -> None:
        """Coefficients of an epoch: network k takes counts[k] steps after its first_steps[k]."""
        steps = max(counts)
        table: npt.NDArray[np.float64] = np.empty((len(COEFFICIENTS), steps, len(counts)))
        table[:] = np.array(IDLE)[:, None, None]
        for k, configuration in enumerate(self.configurations):
            own = first_steps[k] + 1 + np.arange(counts[k])
            table[:, : counts[k], k] = coefficients(configuration, self.settings, own)
        table[COEFFICIENTS.index("step")] *= -1.0
        values = torch.from_numpy(table).to(self.like.device, self.like.dtype)
        by_slot = [values[:, :, owners].unsqueeze(-1) for owners in self.owners]
        self.prepared = [
            [by_slot[c.region][:, step, c.slots].unbind(0) for c in self.chunks]
            for step in range(steps)
        ]
        idle = torch.from_numpy(np.arange(steps)[:, None] >= np.array(counts)).to(self.like.device)
        self.idle = [
            [idle[step, self.owners[c.region][c.slots], None] for c in self.chunks]
            if step >= min(counts)
            else None
            for step in range(steps)
        ]

    def update(self, step: int) -> None:
        """One step of every network that takes part in it; gradients are overwritten."""
        idle = self.idle[step]
        if idle is not None:  # even a gradient that overflows must leave no trace
            for chunk, mask in zip(self.chunks, idle, strict=True):
                chunk.gradients.masked_fill_(mask, 0.0)
        if self.settings.gradient_clip is not None:
            self._clip(self.settings.gradient_clip)
        for chunk, (coupled, first, second, shrink, down, scale, epsilon) in zip(
            self.chunks, self.prepared[step], strict=True
        ):
            w, g, m, v = chunk.weights, chunk.gradients, chunk.first, chunk.second
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
        factors = torch.clamp_max(largest / (squares.sqrt() + 1e-6), 1.0)
        for chunk in self.chunks:
            owners = self.owners[chunk.region][chunk.slots]
            chunk.gradients.mul_(factors[owners].unsqueeze(1))
