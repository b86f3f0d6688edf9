"""What happens to a group of networks between two products: activation, dropout, passing on.

Shapes: n networks of a group that have the layer, c of them that go on to the next; b branches,
p pieces of maxout, B rows, W padded width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.activations import Kernel


@dataclass(eq=False)
class Part:
    """A group's views of the tensors around one layer."""

    kernel: Kernel
    going_on: int  # c
    z: Tensor  # [b, p, n, B, W] pre-activations; functions of kind in_place overwrite them
    a: Tensor  # [b, n, B, W] activations
    x_next: Tensor | None  # [b, p, c, B, W] inputs of the next layer
    x_output: Tensor | None  # [b, n − c, B, W] inputs of the output layer
    skip: Tensor | None  # [b, n, B, W] what a residual layer adds its activations to
    real_units: Tensor | None  # [b, n, 1, W] 1 for real units, where f(0) is not 0
    masks: Tensor | None  # [b, n, B, W] scaled dropout masks
    d_next: Tensor | None = None  # gradients of x_next
    d_output: Tensor | None = None  # of x_output
    d_a: Tensor | None = None  # of a
    d_z: Tensor | None = None  # of z
    d_skip: Tensor | None = None  # of skip
    copies: Tensor | None = None  # [b, p − 1, n, B, W] of a, which further pieces read
    d_h: Tensor | None = None  # [b, p, n, B, W] gradients of a from the step after

    @property
    def pieces(self) -> int:
        """p."""
        return self.z.shape[1]


def group_view(stack: Tensor, start: int, branches: int, pieces: int, n: int) -> tuple[Tensor, int]:
    """A group's slices [b, p, n, B, ·] of [S, B, ·], and where the next group's start."""
    end = start + branches * pieces * n
    return stack[start:end].view(branches, pieces, n, *stack.shape[1:]), end


def activate(part: Part) -> None:
    z = part.z[:, 0]
    if part.pieces > 1:
        torch.maximum(part.z[:, 0], part.z[:, 1], out=part.a)
        for piece in range(2, part.pieces):
            torch.maximum(part.a, part.z[:, piece], out=part.a)
        return
    part.kernel.forward(z, part.a)
    if part.real_units is not None:
        part.a.mul_(part.real_units)


def pass_on(part: Part, masks: Tensor | None) -> None:
    """Activations, masked and added to what they skip over, to where they are read next."""
    c = part.going_on
    for target, own in ((part.x_next, slice(0, c)), (part.x_output, slice(c, None))):
        if target is None:
            continue
        first = target[:, 0] if target is part.x_next else target
        a = part.a[:, own]
        if masks is None and part.skip is None:
            first.copy_(a)
        elif masks is None and part.skip is not None:
            torch.add(part.skip[:, own], a, out=first)
        elif masks is not None and part.skip is None:
            torch.mul(a, masks[:, own], out=first)
        elif masks is not None and part.skip is not None:
            torch.addcmul(part.skip[:, own], a, masks[:, own], out=first)
        if target is part.x_next and part.pieces > 1:
            target[:, 1:] = target[:, :1]


def gather_gradient(part: Part, masks: Tensor | None) -> None:
    """d_a, from the inputs that the activations became."""
    c = part.going_on
    if part.d_a is None:
        raise RuntimeError("these layers were made without gradients")
    if part.d_next is not None:
        incoming = part.d_next[:, 0]
        for piece in range(1, part.pieces):
            incoming += part.d_next[:, piece]
        _masked(incoming, masks, slice(0, c), part.d_a)
    if part.d_output is not None:
        _masked(part.d_output, masks, slice(c, None), part.d_a)


def _masked(gradient: Tensor, masks: Tensor | None, own: slice, out: Tensor) -> None:
    if masks is None:
        out[:, own] = gradient
    else:
        torch.mul(gradient, masks[:, own], out=out[:, own])


def differentiate(part: Part) -> None:
    """d_z from d_a."""
    if part.d_a is None or part.d_z is None:
        raise RuntimeError("these layers were made without gradients")
    if part.pieces == 1:
        saved = part.a if part.kernel.in_place else part.z[:, 0]
        part.kernel.backward(part.d_a, saved, part.d_z[:, 0])
        return
    left = part.d_a  # all of it goes to the first piece that attains the maximum
    for piece in range(part.pieces - 1):
        d_piece = part.d_z[:, piece]
        torch.ge(part.z[:, piece], part.a, out=d_piece)
        d_piece *= left
        left -= d_piece
    part.d_z[:, part.pieces - 1] = left


def add_skipped(part: Part) -> None:
    if part.d_skip is None:
        return
    c = part.going_on
    if part.d_next is not None:
        part.d_skip[:, :c] += part.d_next[:, 0]
    if part.d_output is not None:
        part.d_skip[:, c:] += part.d_output
