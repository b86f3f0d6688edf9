"""Recurrent networks of minimal gated units (Zhou et al. 2016), layer above layer.

    f[t] = σ(x[t] · G + h[t − 1] · V + c)                        how far the gate opens
    q[t] = φ(x[t] · W + (f[t] ⊙ h[t − 1]) · U + b)               the candidate
    h[t] = h[t − 1] + f[t] ⊙ (q[t] − h[t − 1])

φ is the searched activation. A maxout unit is the largest of its gated pieces, each of which is a
linear candidate with a gate of its own; all of them read the unit's one h[t − 1]. Gates have the
slices of the pieces they belong to.

Shapes as in recurrent.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.networks.activations import ActivationFunction, Identity, Sigmoid
from workers.networks.layers.layout import ActivationGroup, SliceLayout
from workers.networks.layers.recurrent import RecurrentLayers
from workers.networks.parameters import Stack
from workers.networks.wiring import Role

SIGMOID = Sigmoid()


@dataclass(eq=False)
class CandidateUnits:
    """A group's candidates in one layer: its slices of each step's tensors."""

    slices: slice
    function: ActivationFunction
    real_units: Tensor | None  # [n, 1, W] 1 for real units, where φ(0) is not 0


@dataclass(eq=False)
class GateGradients:
    """Gradients of a layer's gates and candidates; one step's, except for the parameters."""

    weight: Tensor  # [S, I or W, W]
    recurrent: Tensor  # [S, W, W]
    bias: Tensor  # [S, W]
    gate: Tensor  # [S, B, W] of the gate's pre-activations
    candidate: Tensor  # [S, B, W] of the candidate's
    remembered: Tensor  # [S, B, W] of f ⊙ h


@dataclass(eq=False)
class Gate:
    """One layer's gates and candidates, over all steps."""

    weight: Tensor  # [S, I or W, W]
    recurrent: Tensor  # [S, W, W]
    bias: Tensor  # [S, 1, W]
    f: list[Tensor]  # per step [S, B, W]
    z: list[Tensor]  # per step [S, B, W], the candidates' pre-activations
    q: list[Tensor]  # per step [S, B, W]
    remembered: Tensor  # [S, B, W] f ⊙ h of one step
    candidates: list[CandidateUnits]
    d: GateGradients | None = None


class GatedLayers(RecurrentLayers):
    """A layer's z are the gated pieces: what they were, moved towards the candidates."""

    def __init__(
        self,
        layout: SliceLayout,
        weights: Stack,
        rows: int,
        gradients: Stack | None = None,
        masks: Tensor | None = None,
    ) -> None:
        super().__init__(layout, weights, rows, gradients, masks)
        steps, trains = layout.steps, gradients is not None
        fs, zs, qs = (self._pool(self.slices, steps, 1, keep=trains) for _ in range(3))
        remembered = self._pool(self.slices, 1, 1, keep=False)
        self.gates = [
            Gate(
                *self._matrices(weights, self._gate(index), index),
                f=fs[index],
                z=zs[index],
                q=qs[index],
                remembered=remembered[index][0],
                candidates=self._candidates(index + 1),
            )
            for index in range(len(self.slices))
        ]
        if gradients is not None:
            scratch = self._pool(self.slices, 3, 1, keep=False)
            for index, gate in enumerate(self.gates):
                weight, recurrent, bias = self._matrices(gradients, self._gate(index), index)
                gate.d = GateGradients(weight, recurrent, bias[:, 0], *scratch[index])

    def _gate(self, index: int) -> tuple[Role, ...]:
        """The roles of the weights, recurrent weights and bias of a layer's gates."""
        return self.layout.wiring.hidden_roles(index + 1)[3:]

    def _function(
        self, group: ActivationGroup, n: int, like: Tensor
    ) -> tuple[ActivationFunction, Tensor | None]:
        """The identity: gated pieces have been through their activation; maxout chooses among
        them."""
        return Identity(), None

    def _candidates(self, layer: int) -> list[CandidateUnits]:
        found = []
        start = 0
        for group in self.layout.groups:
            n = group.having(layer)
            if n:
                own = slice(start, start + group.pieces * n)
                real = self.layout.real_units(group, n, self._like)
                found.append(CandidateUnits(own, group.function, None if real is None else real[0]))
                start = own.stop
        return found

    def _prepare_step(self, index: int, t: int) -> None:
        layer, gate = self.layers[index], self.gates[index]
        x, h, f, z, q = layer.x[t], layer.h[t], gate.f[t], gate.z[t], gate.q[t]
        torch.baddbmm(gate.bias, x, gate.weight, out=f)
        torch.baddbmm(layer.bias, x, layer.weight, out=z)
        if t > 0:
            torch.baddbmm(f, h, gate.recurrent, out=f)
        SIGMOID.forward(f, f)
        if t > 0:
            torch.mul(f, h, out=gate.remembered)
            torch.baddbmm(z, gate.remembered, layer.recurrent, out=z)
        for own in gate.candidates:
            own.function.forward(z[own.slices], q[own.slices])
            if own.real_units is not None:
                q[own.slices].mul_(own.real_units)
        torch.lerp(h, q, f, out=layer.z[t])

    def _prepare_step_backward(self, index: int, t: int) -> None:
        layer, gate = self.layers[index], self.gates[index]
        d, d_z, d_h = gate.d, layer.d_z, layer.d_h
        if d is None or d_z is None or d_h is None:
            raise RuntimeError("these layers were made without gradients")
        x, h, f, q = layer.x[t], layer.h[t], gate.f[t], gate.q[t]
        torch.mul(d_z, f, out=d.candidate)
        for own in gate.candidates:
            saved = q if own.function.in_place else gate.z[t]
            gradient = d.candidate[own.slices]
            own.function.backward(gradient, saved[own.slices], gradient)
        torch.sub(q, h, out=d.gate)
        d.gate.mul_(d_z)
        if t > 0:
            torch.bmm(d.candidate, layer.recurrent.mT, out=d.remembered)
            d.gate.addcmul_(d.remembered, h)
        SIGMOID.backward(d.gate, f, d.gate)
        if t > 0:
            torch.addcmul(d_z, d_z, f, value=-1.0, out=d_h)
            d_h.addcmul_(d.remembered, f)
            torch.baddbmm(d_h, d.gate, gate.recurrent.mT, out=d_h)
        if layer.d_x is not None:
            torch.bmm(d.candidate, layer.weight.mT, out=layer.d_x[t])
            torch.baddbmm(layer.d_x[t], d.gate, gate.weight.mT, out=layer.d_x[t])
        self._add_gradients(index, t, x, h)

    def _add_gradients(self, index: int, t: int, x: Tensor, h: Tensor) -> None:
        """The parameters' gradients of step t, added to those of the steps after it."""
        layer, gate = self.layers[index], self.gates[index]
        d = gate.d
        if d is None or layer.d_weight is None or layer.d_recurrent is None or layer.d_bias is None:
            raise RuntimeError("these layers were made without gradients")
        if t == self.steps - 1:
            for own in (layer.d_weight, layer.d_recurrent, layer.d_bias):
                own.zero_()
            for own in (d.weight, d.recurrent, d.bias):
                own.zero_()
        torch.baddbmm(layer.d_weight, x.mT, d.candidate, out=layer.d_weight)
        torch.baddbmm(d.weight, x.mT, d.gate, out=d.weight)
        layer.d_bias += d.candidate.sum(1)
        d.bias += d.gate.sum(1)
        if t > 0:
            torch.mul(gate.f[t], h, out=gate.remembered)
            torch.baddbmm(layer.d_recurrent, gate.remembered.mT, d.candidate, out=layer.d_recurrent)
            torch.baddbmm(d.recurrent, h.mT, d.gate, out=d.recurrent)
