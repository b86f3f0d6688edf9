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

from workers.networks.layers.hidden_units import (
    HiddenUnits,
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
from workers.networks.layers.layout import SliceLayout
from workers.networks.parameters import Stack
from workers.networks.wiring import HIDDEN, HIDDEN_BIAS, INPUT, OUTPUT, OUTPUT_BIAS


@dataclass(eq=False)
class DenseLayer:
    """One layer of all networks that have it."""

    weight: Tensor  # [S, I or W, W]
    bias: Tensor  # [S, 1, W]
    x: Tensor  # [S, B, I or W]
    z: Tensor  # [S, B, W]
    units: list[HiddenUnits]
    weight_t: Tensor  # [S, W, I or W]
    x_t: Tensor  # [S, I or W, B]
    d_weight: Tensor | None = None
    d_bias: Tensor | None = None  # [S, W]
    d_z: Tensor | None = None
    d_x: Tensor | None = None  # None for the first layer


class DenseLayers:
    """The tensors that one forward (and backward) pass of B rows needs, allocated once.

    Fill `inputs` by gather(), then forward() leaves logits in `logits` [K, B, O]; fill
    `d_logits` [b, K, B, O] for backward(), which leaves gradients in the stack it was given.
    """

    def __init__(
        self,
        layout: SliceLayout,
        weights: Stack,
        rows: int,
        gradients: Stack | None = None,
        masks: Tensor | None = None,
        *,
        skips: bool = False,
    ) -> None:
        """skips says that a layer adds what it reads to its activations, from the second on."""
        self.layout, self.rows, self.masks, self.skips = layout, rows, masks, skips
        self._like = weights.flat
        count = len(layout.configurations)
        branches, width, outputs = layout.branches, layout.width, layout.outputs
        slices = [layout.slices(layer) for layer in range(1, layout.depth + 1)]
        trains = gradients is not None

        self.inputs = self._new(slices[0], rows, layout.inputs)
        self.x_output = self._new(branches * count, rows, width)
        self.branch_logits = self._new(branches * count, rows, outputs)
        self.logits = self.branch_logits[:count]
        self.d_logits = self._new(branches * count, rows, outputs) if trains else self.logits
        self.output_weight = weights.of(OUTPUT)
        self.output_bias = weights.of(OUTPUT_BIAS)[:, :, :outputs]

        # Evaluation keeps no layer's tensors, so two of each alternate; training keeps them all.
        xs = [self.inputs, *self._pool(slices[1:], width, 1 if trains else 2, keep=trains)]
        zs = self._pool(slices, width, 1, keep=trains)
        self.layers = self._layers(weights, xs, zs)
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

    def _layers(self, weights: Stack, xs: list[Tensor], zs: list[Tensor]) -> list[DenseLayer]:
        layout = self.layout
        layers = []
        hidden = biases = 0
        for index, (x, z) in enumerate(zip(xs, zs, strict=True)):
            count = len(z)
            weight = weights.of(HIDDEN)[hidden : hidden + count]
            if index == 0:
                weight = weights.of(INPUT)
            else:
                hidden += count
            bias = weights.of(HIDDEN_BIAS)[biases : biases + count, :, : layout.width]
            biases += count
            x_next = xs[index + 1] if index + 1 < len(xs) else None
            units = self._hidden_units(index + 1, x, z, x_next)
            layers.append(DenseLayer(weight, bias, x, z, units, weight.mT, x.mT))
        return layers

    def _hidden_units(
        self, layer: int, x: Tensor, z: Tensor, x_next: Tensor | None
    ) -> list[HiddenUnits]:
        layout = self.layout
        ends = self.x_output.view(layout.branches, -1, self.rows, layout.width)
        units = []
        start = next_start = 0
        for group in layout.groups:
            n, c = group.having(layer), group.having(layer + 1)
            if n == 0:
                continue
            z_group, start_after = group_view(z, start, layout.branches, group.pieces, n)
            x_group, _ = group_view(x, start, layout.branches, group.pieces, n)
            start = start_after
            going = None
            if c and x_next is not None:
                going, next_start = group_view(x_next, next_start, layout.branches, group.pieces, c)
            first = group.first
            in_place = group.function.in_place and group.pieces == 1
            own = HiddenUnits(
                function=group.function,
                z=z_group,
                a=z_group[:, 0] if in_place else self._new(*z_group[:, 0].shape),
                real_units=layout.real_units(group, n, z),
            )
            connect(
                own,
                x_next=going,
                x_output=ends[:, first + c : first + n] if n > c else None,
                skip=x_group[:, 0] if self.skips and layer > 1 else None,
                masks=None
                if self.masks is None
                else self.masks[first : first + n, layer - 1].transpose(0, 1),
            )
            units.append(own)
        return units

    def _prepare_backward(self, gradients: Stack, slices: list[int]) -> None:
        """Gradients with respect to activations live for one layer: they share memory in turn."""
        layout = self.layout
        width = layout.width
        self.d_x_output = self._new(*self.x_output.shape)
        d_ends = self.d_x_output.view(layout.branches, -1, self.rows, width)
        d_zs = self._pool(slices, width, 1, keep=False)
        d_xs = [None, *self._pool(slices[1:], width, 2, keep=False)]
        self.d_output_weight = gradients.of(OUTPUT)
        self.d_output_bias = gradients.of(OUTPUT_BIAS)[:, 0, : layout.outputs]
        hidden = biases = 0
        for index, layer in enumerate(self.layers):
            count = slices[index]
            layer.d_z, layer.d_x = d_zs[index], d_xs[index]
            layer.d_weight = gradients.of(HIDDEN)[hidden : hidden + count]
            if index == 0:
                layer.d_weight = gradients.of(INPUT)
            else:
                hidden += count
            layer.d_bias = gradients.of(HIDDEN_BIAS)[biases : biases + count, 0, :width]
            biases += count
            d_next = d_xs[index + 1] if index + 1 < len(d_xs) else None
            start = next_start = 0
            groups = [group for group in layout.groups if group.having(index + 1)]
            for own, group in zip(layer.units, groups, strict=True):
                n, c, p = own.z.shape[2], group.having(index + 2), own.pieces
                here = start
                own.d_z, start = group_view(layer.d_z, here, layout.branches, p, n)
                d_skip = d_going = None
                if layer.d_x is not None and self.skips:
                    d_skip = group_view(layer.d_x, here, layout.branches, p, n)[0][:, 0]
                if c and d_next is not None:
                    d_going, next_start = group_view(d_next, next_start, layout.branches, p, c)
                ending = slice(group.first + c, group.first + n)
                connect_backward(own, d_going, d_ends[:, ending] if n > c else None, d_skip)

    def gather(self, examples: Tensor, rows: Tensor) -> None:
        """inputs = the examples [·, I] at rows [S₁ · B], the same for a network's slices."""
        torch.index_select(examples, 0, rows, out=self.inputs.view(-1, self.layout.inputs))

    def forward(self, *, dropout: bool = False) -> None:
        """From inputs to logits; with dropout by the masks given at the start."""
        for layer in self.layers:
            torch.baddbmm(layer.bias, layer.x, layer.weight, out=layer.z)
            for own in layer.units:
                if layer.d_z is None:
                    activate_and_pass_on(own)
                else:
                    activate(own)
                    pass_on(own, dropout=dropout)
        torch.bmm(self.x_output, self.output_weight, out=self.branch_logits)
        for branch in range(1, self.layout.branches):
            self.logits += self.branch_logits.view(self.layout.branches, *self.logits.shape)[branch]
        self.logits += self.output_bias

    def backward(self, *, dropout: bool = False) -> None:
        """From d_logits, whose first branch is filled, to the gradients of all parameters."""
        count = len(self.layout.configurations)
        first = self.d_logits[:count]
        torch.sum(first, 1, out=self.d_output_bias)
        for branch in range(1, self.layout.branches):
            self.d_logits[branch * count : (branch + 1) * count] = first
        torch.bmm(self.x_output.mT, self.d_logits, out=self.d_output_weight)
        torch.bmm(self.d_logits, self.output_weight.mT, out=self.d_x_output)
        for layer in reversed(self.layers):
            if layer.d_z is None or layer.d_weight is None or layer.d_bias is None:
                raise RuntimeError("these layers were made without gradients")
            for own in layer.units:
                gather_gradient(own, dropout=dropout)
                differentiate(own)
            torch.bmm(layer.x_t, layer.d_z, out=layer.d_weight)
            torch.sum(layer.d_z, 1, out=layer.d_bias)
            if layer.d_x is not None:
                torch.bmm(layer.d_z, layer.weight_t, out=layer.d_x)
                for own in layer.units:
                    add_skipped(own)

    def activations(self, layer: int) -> list[tuple[int, list[Tensor]]]:
        """After forward(): each network that has the layer, and its branches' [B, real units]."""
        found = []
        groups = [group for group in self.layout.groups if group.having(layer)]
        for own, group in zip(self.layers[layer - 1].units, groups, strict=True):
            for i in range(group.having(layer)):
                k = group.first + i
                widths = self.layout.branch_widths(k)
                found.append((k, [own.a[b, i, :, :width] for b, width in enumerate(widths)]))
        return found
