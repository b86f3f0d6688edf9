"""Fully connected networks of many depths and activations as one sequence of batched products.

Feedforward, residual and split_merge networks, forward and, by hand, backward: an automatic tape
costs more than these small products. What a group's activation writes goes straight to the input
of the next layer, or to that of the output layer for the networks that end here.

Shapes: K networks, S slices of a layer, B rows, I inputs, W padded width, O padded outputs,
b branches, p pieces, n networks of a group that have the layer, c of them that go on.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.networks.parameters import Stack
from workers.networks.parts import (
    Part,
    activate,
    activate_and_pass_on,
    add_skipped,
    connect,
    connect_backward,
    differentiate,
    gather_gradient,
    group_view,
    pass_on,
)
from workers.networks.shapes import branch_widths
from workers.networks.topologies.layout import HIDDEN, HIDDEN_BIAS, INPUT, OUTPUT, OUTPUT_BIAS
from workers.networks.topologies.layout import StackedShape as Shape


@dataclass(eq=False)
class Layer:
    """One layer of all networks that have it."""

    weight: Tensor  # [S, I or W, W]
    bias: Tensor  # [S, 1, W]
    x: Tensor  # [S, B, I or W]
    z: Tensor  # [S, B, W]
    parts: list[Part]
    weight_t: Tensor  # [S, W, I or W]
    x_t: Tensor  # [S, I or W, B]
    d_weight: Tensor | None = None
    d_bias: Tensor | None = None  # [S, W]
    d_z: Tensor | None = None
    d_x: Tensor | None = None  # None for the first layer


class StackedLayers:
    """The tensors that one forward (and backward) pass of B rows needs, allocated once.

    Fill `inputs` by gather(), then forward() leaves logits in `logits` [K, B, O]; fill
    `d_logits` [b, K, B, O] for backward(), which leaves gradients in the stack it was given.
    """

    def __init__(
        self,
        shape: Shape,
        parameters: Stack,
        rows: int,
        gradients: Stack | None = None,
        masks: Tensor | None = None,
    ) -> None:
        self.shape, self.rows, self.masks = shape, rows, masks
        self._like = parameters.flat
        count = len(shape.networks)
        branches, width, outputs = shape.branches, shape.width, shape.outputs
        slices = [shape.slices(layer) for layer in range(1, shape.depth + 1)]
        trains = gradients is not None

        self.inputs = self._new(slices[0], rows, shape.inputs)
        self.x_output = self._new(branches * count, rows, width)
        self.branch_logits = self._new(branches * count, rows, outputs)
        self.logits = self.branch_logits[:count]
        self.d_logits = self._new(branches * count, rows, outputs) if trains else self.logits
        self.output_weight = parameters.regions[OUTPUT]
        self.output_bias = parameters.regions[OUTPUT_BIAS][:, :, :outputs]

        # Evaluation keeps no layer's tensors, so two of each alternate; training keeps them all.
        xs = [self.inputs, *self._pool(slices[1:], width, 1 if trains else 2, keep=trains)]
        zs = self._pool(slices, width, 1, keep=trains)
        self.layers = self._layers(parameters, xs, zs)
        if gradients is not None:
            self._prepare_backward(gradients, slices)

    def _new(self, *sizes: int) -> Tensor:
        return torch.zeros(sizes, dtype=self._like.dtype, device=self._like.device)

    def _pool(self, slices: list[int], width: int, count: int, *, keep: bool) -> list[Tensor]:
        """A tensor [S, B, W] per layer: each its own memory, or `count` memories in turn."""
        if keep:
            return [self._new(s, self.rows, width) for s in slices]
        shared = [self._new(max(slices, default=0), self.rows, width) for _ in range(count)]
        return [shared[i % count][:s] for i, s in enumerate(slices)]

    def _layers(self, parameters: Stack, xs: list[Tensor], zs: list[Tensor]) -> list[Layer]:
        shape = self.shape
        layers = []
        hidden = biases = 0
        for index, (x, z) in enumerate(zip(xs, zs, strict=True)):
            count = len(z)
            weight = parameters.regions[HIDDEN][hidden : hidden + count]
            if index == 0:
                weight = parameters.regions[INPUT]
            else:
                hidden += count
            bias = parameters.regions[HIDDEN_BIAS][biases : biases + count, :, : shape.width]
            biases += count
            x_next = xs[index + 1] if index + 1 < len(xs) else None
            parts = self._parts(index + 1, x, z, x_next)
            layers.append(Layer(weight, bias, x, z, parts, weight.mT, x.mT))
        return layers

    def _parts(self, layer: int, x: Tensor, z: Tensor, x_next: Tensor | None) -> list[Part]:
        shape = self.shape
        ends = self.x_output.view(shape.branches, -1, self.rows, shape.width)
        parts = []
        start = next_start = 0
        for group in shape.groups:
            n, c = group.having(layer), group.having(layer + 1)
            if n == 0:
                continue
            z_group, start_after = group_view(z, start, shape.branches, group.pieces, n)
            x_group, _ = group_view(x, start, shape.branches, group.pieces, n)
            start = start_after
            going = None
            if c and x_next is not None:
                going, next_start = group_view(x_next, next_start, shape.branches, group.pieces, c)
            first = group.first
            in_place = group.function.in_place and group.pieces == 1
            part = Part(
                function=group.function,
                z=z_group,
                a=z_group[:, 0] if in_place else self._new(*z_group[:, 0].shape),
                real_units=shape.real_units(group, n, z),
            )
            connect(
                part,
                x_next=going,
                x_output=ends[:, first + c : first + n] if n > c else None,
                skip=x_group[:, 0] if shape.residual and layer > 1 else None,
                masks=None
                if self.masks is None
                else self.masks[first : first + n, layer - 1].transpose(0, 1),
            )
            parts.append(part)
        return parts

    def _prepare_backward(self, gradients: Stack, slices: list[int]) -> None:
        """Gradients with respect to activations live for one layer: they share memory in turn."""
        shape = self.shape
        width = shape.width
        self.d_x_output = self._new(*self.x_output.shape)
        d_ends = self.d_x_output.view(shape.branches, -1, self.rows, width)
        d_zs = self._pool(slices, width, 1, keep=False)
        d_xs = [None, *self._pool(slices[1:], width, 2, keep=False)]
        self.d_output_weight = gradients.regions[OUTPUT]
        self.d_output_bias = gradients.regions[OUTPUT_BIAS][:, 0, : shape.outputs]
        hidden = biases = 0
        for index, layer in enumerate(self.layers):
            count = slices[index]
            layer.d_z, layer.d_x = d_zs[index], d_xs[index]
            layer.d_weight = gradients.regions[HIDDEN][hidden : hidden + count]
            if index == 0:
                layer.d_weight = gradients.regions[INPUT]
            else:
                hidden += count
            layer.d_bias = gradients.regions[HIDDEN_BIAS][biases : biases + count, 0, :width]
            biases += count
            d_next = d_xs[index + 1] if index + 1 < len(d_xs) else None
            start = next_start = 0
            groups = [group for group in shape.groups if group.having(index + 1)]
            for part, group in zip(layer.parts, groups, strict=True):
                n, c, p = part.z.shape[2], group.having(index + 2), part.pieces
                here = start
                part.d_z, start = group_view(layer.d_z, here, shape.branches, p, n)
                d_skip = d_going = None
                if layer.d_x is not None and shape.residual:
                    d_skip = group_view(layer.d_x, here, shape.branches, p, n)[0][:, 0]
                if c and d_next is not None:
                    d_going, next_start = group_view(d_next, next_start, shape.branches, p, c)
                ending = slice(group.first + c, group.first + n)
                connect_backward(part, d_going, d_ends[:, ending] if n > c else None, d_skip)

    def gather(self, examples: Tensor, rows: Tensor) -> None:
        """inputs = the examples [·, I] at rows [S₁ · B], the same for a network's slices."""
        torch.index_select(examples, 0, rows, out=self.inputs.view(-1, self.shape.inputs))

    def forward(self, *, dropout: bool = False) -> None:
        """From inputs to logits; with dropout by the masks given at the start."""
        for layer in self.layers:
            torch.baddbmm(layer.bias, layer.x, layer.weight, out=layer.z)
            for part in layer.parts:
                if layer.d_z is None:
                    activate_and_pass_on(part)
                else:
                    activate(part)
                    pass_on(part, dropout=dropout)
        torch.bmm(self.x_output, self.output_weight, out=self.branch_logits)
        for branch in range(1, self.shape.branches):
            self.logits += self.branch_logits.view(self.shape.branches, *self.logits.shape)[branch]
        self.logits += self.output_bias

    def backward(self, *, dropout: bool = False) -> None:
        """From d_logits, whose first branch is filled, to the gradients of all parameters."""
        count = len(self.shape.networks)
        first = self.d_logits[:count]
        torch.sum(first, 1, out=self.d_output_bias)
        for branch in range(1, self.shape.branches):
            self.d_logits[branch * count : (branch + 1) * count] = first
        torch.bmm(self.x_output.mT, self.d_logits, out=self.d_output_weight)
        torch.bmm(self.d_logits, self.output_weight.mT, out=self.d_x_output)
        for layer in reversed(self.layers):
            if layer.d_z is None or layer.d_weight is None or layer.d_bias is None:
                raise RuntimeError("these layers were made without gradients")
            for part in layer.parts:
                gather_gradient(part, dropout=dropout)
                differentiate(part)
            torch.bmm(layer.x_t, layer.d_z, out=layer.d_weight)
            torch.sum(layer.d_z, 1, out=layer.d_bias)
            if layer.d_x is not None:
                torch.bmm(layer.d_z, layer.weight_t, out=layer.d_x)
                for part in layer.parts:
                    add_skipped(part)

    def activations(self, layer: int) -> list[tuple[int, list[Tensor]]]:
        """After forward(): each network that has the layer, and its branches' [B, real units]."""
        own = []
        groups = [group for group in self.shape.groups if group.having(layer)]
        for part, group in zip(self.layers[layer - 1].parts, groups, strict=True):
            for i in range(group.having(layer)):
                k = group.first + i
                widths = branch_widths(self.shape.networks[k].configuration)
                own.append((k, [part.a[b, i, :, :width] for b, width in enumerate(widths)]))
        return own
