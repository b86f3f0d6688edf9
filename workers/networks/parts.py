"""What happens to a group of networks between two products: activation, dropout, passing on.

Shapes: n networks of a group that have the layer, c of them that go on to the next; b branches,
p pieces of maxout, B rows, W padded width. A flow is where m of them, either the c or the others,
are read next. All views are made once: a step only computes.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from workers.networks.activations import (
    ActivationFunction,
    largest_piece,
    largest_piece_backward,
)


@dataclass(eq=False)
class Flow:
    """Activations of m networks on their way to the next product."""

    z: Tensor  # [b, m, B, W] (the first piece's)
    a: Tensor  # [b, m, B, W]
    target: Tensor  # [b, m, B, W]
    copies: Tensor | None  # [b, p − 1, m, B, W] where a unit's further pieces read the same
    skip: Tensor | None  # [b, m, B, W] what a residual layer adds its activations to
    mask: Tensor | None  # [b, m, B, W] scaled dropout mask
    d_target: Tensor | None = None
    d_copies: tuple[Tensor, ...] = ()  # p − 1 of [b, m, B, W]
    d_a: Tensor | None = None
    d_skip: Tensor | None = None


@dataclass(eq=False)
class Part:
    """A group's views of the tensors around one layer; d_ are gradients, given by backward_to."""

    function: ActivationFunction
    z: Tensor  # [b, p, n, B, W] pre-activations; in_place functions may overwrite them
    a: Tensor  # [b, n, B, W] activations
    real_units: Tensor | None  # [b, n, 1, W] 1 for real units, where f(0) is not 0
    flows: list[Flow] = field(default_factory=list)
    piece_copies: Tensor | None = None  # [b, p − 1, n, B, W] of a, for recurrent pieces
    d_a: Tensor | None = None  # [b, n, B, W]
    d_z: Tensor | None = None  # [b, p, n, B, W]
    d_later: tuple[Tensor, ...] = ()  # p of [b, n, B, W]: gradients from the step after
    d_unread: Tensor | None = None  # [b, n − c, B, W] of d_a, for activations that end here unread

    @property
    def pieces(self) -> int:
        """p."""
        return self.z.shape[1]


def connect(
    part: Part,
    x_next: Tensor | None,
    x_output: Tensor | None,
    skip: Tensor | None,
    masks: Tensor | None,
) -> None:
    """Give a part its flows: the first c networks to x_next [b, p, c, B, W], the others to
    x_output [b, n − c, B, W]. None: there are no such networks, or they are not read."""
    c = 0 if x_next is None else x_next.shape[2]
    for own, target, copies in (
        (slice(0, c), None if x_next is None else x_next[:, 0], x_next),
        (slice(c, None), x_output, None),
    ):
        if target is not None:
            part.flows.append(
                Flow(
                    z=part.z[:, 0, own],
                    a=part.a[:, own],
                    target=target,
                    copies=copies[:, 1:] if copies is not None and part.pieces > 1 else None,
                    skip=None if skip is None else skip[:, own],
                    mask=None if masks is None else masks[:, own],
                )
            )


def connect_backward(
    part: Part, d_next: Tensor | None, d_output: Tensor | None, d_skip: Tensor | None
) -> None:
    """The same for gradients; part.d_z is set."""
    if part.d_z is None:
        raise RuntimeError("gradients of pre-activations come first")
    part.d_a = part.d_z[:, 0] if part.pieces == 1 else torch.zeros_like(part.a)
    c = 0 if d_next is None else d_next.shape[2]
    flows = iter(part.flows)
    for own, gradient in ((slice(0, c), d_next), (slice(c, None), d_output)):
        if gradient is None:
            continue
        flow = next(flows)
        flow.d_target = gradient[:, 0] if gradient is d_next else gradient
        if gradient is d_next:
            flow.d_copies = gradient[:, 1:].unbind(1)
        flow.d_a = part.d_a[:, own]
        flow.d_skip = None if d_skip is None else d_skip[:, own]
    if d_output is None and part.a.shape[1] > c:
        part.d_unread = part.d_a[:, c:]


def group_view(stack: Tensor, start: int, branches: int, pieces: int, n: int) -> tuple[Tensor, int]:
    """A group's slices [b, p, n, B, ·] of [S, B, ·], and where the next group's start."""
    end = start + branches * pieces * n
    return stack[start:end].view(branches, pieces, n, *stack.shape[1:]), end


def activate(part: Part) -> None:
    """a = f(z)."""
    if part.pieces > 1:
        largest_piece(part.z, part.a)
    else:
        part.function.forward(part.z[:, 0], part.a)
        if part.real_units is not None:
            part.a.mul_(part.real_units)
    if part.piece_copies is not None:
        part.piece_copies.copy_(part.a.unsqueeze(1).expand_as(part.piece_copies))


def pass_on(part: Part, *, dropout: bool) -> None:
    """Activations, masked and added to what they skip over, to where they are read next."""
    for flow in part.flows:
        if dropout and flow.mask is not None:
            if flow.skip is None:
                torch.mul(flow.a, flow.mask, out=flow.target)
            else:
                torch.addcmul(flow.skip, flow.a, flow.mask, out=flow.target)
        elif flow.skip is None:
            flow.target.copy_(flow.a)
        else:
            torch.add(flow.skip, flow.a, out=flow.target)
        if flow.copies is not None:
            flow.copies.copy_(flow.target.unsqueeze(1).expand_as(flow.copies))


def activate_and_pass_on(part: Part) -> None:
    """Both at once where nothing needs the activations later: in evaluation."""
    if part.pieces > 1 or part.piece_copies is not None:
        activate(part)
        pass_on(part, dropout=False)
        return
    for flow in part.flows:
        if flow.skip is None:
            part.function.forward(flow.z, flow.target)
        else:
            part.function.forward(flow.z, flow.a)
            torch.add(flow.skip, flow.a, out=flow.target)


def gather_gradient(part: Part, *, dropout: bool) -> None:
    """d_a, from the inputs that the activations became, and from the step after."""
    if part.d_unread is not None:
        part.d_unread.zero_()
    for flow in part.flows:
        if flow.d_target is None or flow.d_a is None:
            raise RuntimeError("these layers were made without gradients")
        for copy in flow.d_copies:
            flow.d_target.add_(copy)
        if dropout and flow.mask is not None:
            torch.mul(flow.d_target, flow.mask, out=flow.d_a)
        else:
            flow.d_a.copy_(flow.d_target)


def differentiate(part: Part) -> None:
    """d_z from d_a."""
    if part.d_a is None or part.d_z is None:
        raise RuntimeError("these layers were made without gradients")
    if part.pieces == 1:
        saved = part.a if part.function.in_place else part.z[:, 0]
        part.function.backward(part.d_a, saved, part.d_a)
        return
    largest_piece_backward(part.d_a, part.z, part.a, part.d_z)


def add_skipped(part: Part) -> None:
    """What a residual layer was added to has the gradient of the sum as well."""
    for flow in part.flows:
        if flow.d_skip is not None and flow.d_target is not None:
            flow.d_skip.add_(flow.d_target)
