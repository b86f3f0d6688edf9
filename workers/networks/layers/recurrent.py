"""Recurrent networks (Elman 1990): the features read as a sequence, layer above layer.

    h[t] = f(x[t] · W + h[t − 1] · U + b)

The layer above reads h[t], the output the last one of the last layer. Every step is a batched
product over the slices of all networks, and so is its backpropagation through time. A unit that
dropout switches off is off for the whole sequence, and only in what the layer above reads (Gal and
Ghahramani 2016).

Shapes: T steps of I features, S slices of a layer, B rows, W padded width, O padded outputs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.networks.activations import ActivationFunction
from workers.networks.layers.hidden_units import (
    HiddenUnits,
    activate,
    connect,
    connect_backward,
    differentiate,
    gather_gradient,
    group_view,
    pass_on,
)
from workers.networks.layers.layout import ActivationGroup, SliceLayout
from workers.networks.parameters import Stack
from workers.networks.shapes import pad
from workers.networks.wiring import OUTPUT, OUTPUT_BIAS, Role


def as_sequences(features: Tensor, inputs: int, steps: int, per_step: int) -> Tensor:
    """Examples [N, padded inputs] as [N, T · I]: each step's features padded on their own."""
    sequences = features.new_zeros(len(features), steps, pad(per_step))
    flat = features.new_zeros(len(features), steps * per_step)
    flat[:, :inputs] = features[:, :inputs]
    sequences[:, :, :per_step] = flat.view(-1, steps, per_step)
    return sequences.view(len(features), -1)


@dataclass(eq=False)
class RecurrentLayer:
    """One layer of all networks that have it, over all steps."""

    weight: Tensor  # [S, I or W, W]
    recurrent: Tensor  # [S, W, W]
    bias: Tensor  # [S, 1, W]
    x: list[Tensor]  # per step [S, B, I or W]
    z: list[Tensor]  # per step [S, B, W]
    h: list[Tensor]  # before each step, and after the last: [S, B, W], equal for a unit's pieces
    units: list[list[HiddenUnits]]  # per step
    d_weight: Tensor | None = None
    d_recurrent: Tensor | None = None
    d_bias: Tensor | None = None  # [S, W]
    d_z: Tensor | None = None
    d_h: Tensor | None = None
    d_x: list[Tensor] | None = None  # per step; None for the first layer


class RecurrentLayers:
    """The tensors of one forward (and backward) pass of B rows; used like DenseLayers.

    What other cells do otherwise is in the methods that they replace: _function, _prepare_step and
    the backward pass of it.
    """

    def __init__(
        self,
        layout: SliceLayout,
        weights: Stack,
        rows: int,
        gradients: Stack | None = None,
        masks: Tensor | None = None,
    ) -> None:
        self.layout, self.rows, self.masks = layout, rows, masks
        self.steps = steps = layout.steps
        self._like = weights.flat
        count, width = len(layout.configurations), layout.width
        slices = [layout.slices(layer) for layer in range(1, layout.depth + 1)]
        self.slices = slices
        trains = gradients is not None

        self.sequences = self._new(slices[0], rows, steps, layout.inputs)
        self.x_output = self._new(count, rows, width)
        self.logits = self._new(count, rows, layout.outputs)
        self.d_logits = self._new(count, rows, layout.outputs) if trains else self.logits
        self.output_weight = weights.of(OUTPUT)
        self.output_bias = weights.of(OUTPUT_BIAS)[:, :, : layout.outputs]

        xs = [list(self.sequences.unbind(2)), *self._pool(slices[1:], steps, 2, keep=trains)]
        zs = self._pool(slices, steps, 1, keep=trains)
        hs = self._pool(slices, steps + 1, 1, keep=trains)
        self.layers = []
        for index in range(len(slices)):
            x_next = xs[index + 1] if index + 1 < len(xs) else None
            weight, recurrent, bias = self._matrices(weights, self._cell(index), index)
            self.layers.append(
                RecurrentLayer(
                    weight=weight,
                    recurrent=recurrent,
                    bias=bias,
                    x=xs[index],
                    z=zs[index],
                    h=hs[index],
                    units=[
                        self._hidden_units(
                            index + 1,
                            zs[index][t],
                            hs[index][t + 1],
                            None if x_next is None else x_next[t],
                            last=t == steps - 1,
                        )
                        for t in range(steps)
                    ],
                )
            )
        if gradients is not None:
            self._prepare_backward(gradients, slices)

    def _new(self, *sizes: int) -> Tensor:
        return torch.zeros(sizes, dtype=self._like.dtype, device=self._like.device)

    def _pool(self, slices: list[int], steps: int, count: int, *, keep: bool) -> list[list[Tensor]]:
        """Per layer and step a tensor [S, B, W]: own memory, or `count` layers' in turn."""
        sizes = slices if keep else [max(slices, default=0)] * min(count, len(slices))
        memory = [self._new(steps, s, self.rows, self.layout.width) for s in sizes]
        return [
            [memory[i % len(memory)][t, :s] for t in range(steps)] for i, s in enumerate(slices)
        ]

    def _cell(self, index: int) -> tuple[Role, ...]:
        """The roles of a layer's weights, recurrent weights and bias."""
        return self.layout.wiring.hidden_roles(index + 1)[:3]

    def _matrices(
        self, stack: Stack, roles: tuple[Role, ...], index: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """A layer's own of a stack: weight [S, I or W, W], recurrent [S, W, W], bias [S, 1, W]."""
        weight, recurrent, bias = (stack.of(role) for role in roles)
        start, end = sum(self.slices[:index]), sum(self.slices[: index + 1])
        if index > 0:  # the first layer's weights are a stack of their own
            weight = weight[start - self.slices[0] : end - self.slices[0]]
        return weight, recurrent[start:end], bias[start:end, :, : self.layout.width]

    def _function(
        self, group: ActivationGroup, n: int, like: Tensor
    ) -> tuple[ActivationFunction, Tensor | None]:
        """The function from z to h of a group's first n networks, and their real units."""
        return group.function, self.layout.real_units(group, n, like)

    def _hidden_units(
        self, layer: int, z: Tensor, h: Tensor, x_next: Tensor | None, *, last: bool
    ) -> list[HiddenUnits]:
        units = []
        start = next_start = 0
        for group in self.layout.groups:
            n, c = group.having(layer), group.having(layer + 1)
            if n == 0:
                continue
            first, p, here = group.first, group.pieces, start
            z_group, start = group_view(z, here, 1, p, n)
            going = None
            if c and x_next is not None:
                going, next_start = group_view(x_next, next_start, 1, p, c)
            masks = None
            if self.masks is not None:
                masks = self.masks[first : first + n, layer - 1].transpose(0, 1)
            h_group = group_view(h, here, 1, p, n)[0]
            function, real_units = self._function(group, n, z)
            own = HiddenUnits(
                function=function,
                z=z_group,
                a=h_group[:, 0],
                real_units=real_units,
                piece_copies=h_group[:, 1:] if p > 1 else None,
            )
            ending = self.x_output[None, first + c : first + n] if last and n > c else None
            connect(own, going, ending, None, masks)
            units.append(own)
        return units

    def _prepare_backward(self, gradients: Stack, slices: list[int]) -> None:
        layout, steps = self.layout, self.steps
        self.d_x_output = self._new(*self.x_output.shape)
        d_zs = self._pool(slices, 2, 1, keep=False)  # of z, and of h one step before
        d_xs = [None, *self._pool(slices[1:], steps, 2, keep=False)]
        self.d_output_weight = gradients.of(OUTPUT)
        self.d_output_bias = gradients.of(OUTPUT_BIAS)[:, 0, : layout.outputs]
        for index, layer in enumerate(self.layers):
            weight, recurrent, bias = self._matrices(gradients, self._cell(index), index)
            layer.d_weight, layer.d_recurrent, layer.d_bias = weight, recurrent, bias[:, 0]
            layer.d_z, layer.d_h = d_zs[index]
            layer.d_x = d_xs[index]
            d_next = d_xs[index + 1] if index + 1 < len(d_xs) else None
            for t, units in enumerate(layer.units):
                above = None if d_next is None else d_next[t]
                self._connect_backward(units, index + 1, layer, above, last=t == steps - 1)

    def _connect_backward(
        self,
        units: list[HiddenUnits],
        number: int,
        layer: RecurrentLayer,
        d_next: Tensor | None,
        *,
        last: bool,
    ) -> None:
        if layer.d_z is None or layer.d_h is None:
            raise RuntimeError("these layers were made without gradients")
        start = next_start = 0
        groups = [group for group in self.layout.groups if group.having(number)]
        for own, group in zip(units, groups, strict=True):
            n, c, p = own.z.shape[2], group.having(number + 1), own.pieces
            own.d_later = group_view(layer.d_h, start, 1, p, n)[0].unbind(1)
            own.d_z, start = group_view(layer.d_z, start, 1, p, n)
            d_going = d_ending = None
            if c and d_next is not None:
                d_going, next_start = group_view(d_next, next_start, 1, p, c)
            if last and n > c:
                d_ending = self.d_x_output[None, group.first + c : group.first + n]
            connect_backward(own, d_going, d_ending, None)

    def gather(self, examples: Tensor, rows: Tensor) -> None:
        """Read the sequences [·, T · I] of as_sequences at rows [S₁ · B]."""
        out = self.sequences.view(-1, self.steps * self.layout.inputs)
        torch.index_select(examples, 0, rows, out=out)

    def forward(self, *, dropout: bool = False) -> None:
        """From sequences to logits; with dropout by the masks given at the start."""
        for index, layer in enumerate(self.layers):
            for t in range(self.steps):
                self._prepare_step(index, t)
                for own in layer.units[t]:
                    activate(own)
                    pass_on(own, dropout=dropout)
        torch.bmm(self.x_output, self.output_weight, out=self.logits)
        self.logits += self.output_bias

    def _prepare_step(self, index: int, t: int) -> None:
        """z[t] of a layer, from its x[t] and h[t]."""
        layer = self.layers[index]
        z = layer.z[t]
        torch.baddbmm(layer.bias, layer.x[t], layer.weight, out=z)
        if t > 0:
            torch.baddbmm(z, layer.h[t], layer.recurrent, out=z)

    def backward(self, *, dropout: bool = False) -> None:
        """From d_logits to the gradients of all parameters."""
        torch.sum(self.d_logits, 1, out=self.d_output_bias)
        torch.bmm(self.x_output.mT, self.d_logits, out=self.d_output_weight)
        torch.bmm(self.d_logits, self.output_weight.mT, out=self.d_x_output)
        for index, layer in reversed(list(enumerate(self.layers))):
            for t in reversed(range(self.steps)):
                for own in layer.units[t]:
                    gather_gradient(own, dropout=dropout)
                    if t < self.steps - 1 and own.d_a is not None:
                        for later in own.d_later:
                            own.d_a.add_(later)
                    differentiate(own)
                self._prepare_step_backward(index, t)

    def _prepare_step_backward(self, index: int, t: int) -> None:
        """From d_z to d_x[t], to d_h and to the parameters' gradients, summed over steps."""
        layer = self.layers[index]
        if layer.d_z is None or layer.d_h is None or layer.d_weight is None:
            raise RuntimeError("these layers were made without gradients")
        if layer.d_recurrent is None or layer.d_bias is None:
            raise RuntimeError("these layers were made without gradients")
        if t == self.steps - 1:
            torch.bmm(layer.x[t].mT, layer.d_z, out=layer.d_weight)
            torch.sum(layer.d_z, 1, out=layer.d_bias)
            layer.d_recurrent.zero_()
        else:
            torch.baddbmm(layer.d_weight, layer.x[t].mT, layer.d_z, out=layer.d_weight)
            layer.d_bias += layer.d_z.sum(1)
        if t > 0:
            torch.baddbmm(layer.d_recurrent, layer.h[t].mT, layer.d_z, out=layer.d_recurrent)
            torch.bmm(layer.d_z, layer.recurrent.mT, out=layer.d_h)
        if layer.d_x is not None:
            torch.bmm(layer.d_z, layer.weight.mT, out=layer.d_x[t])

    def activations(self, layer: int) -> list[tuple[int, list[Tensor]]]:
        """After forward(): each network that has the layer, and [T · B, real units] of it."""
        own = []
        groups = [group for group in self.layout.groups if group.having(layer)]
        for index, group in enumerate(groups):
            for i in range(group.having(layer)):
                k = group.first + i
                width = self.layout.configurations[k].width
                steps = [units[index].a[0, i, :, :width] for units in self.layers[layer - 1].units]
                own.append((k, steps))
        return own
