"""What happens to a group of networks between two products: activation, dropout, passing on.

Shapes: n networks of a group that have the layer, c of them that go on to the next; b branches,
p pieces of maxout, B rows, W padded width. A connection is where m of them, either the c or the
others, are read next. All views are made once: a step only computes.
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
class Connection:
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
class HiddenUnits:
    """A group's units in one layer: views of its tensors; d_ are gradients (connect_backward)."""

    function: ActivationFunction
    z: Tensor  # [b, p, n, B, W] pre-activations; in_place functions may overwrite them
    a: Tensor  # [b, n, B, W] activations
    real_units: Tensor | None  # [b, n, 1, W] 1 for real units, where f(0) is not 0
    connections: list[Connection] = field(default_factory=list)
    piece_copies: Tensor | None = None  # [b, p − 1, n, B, W] of a, for recurrent pieces
    d_a: Tensor | None = None  # [b, n, B, W]
    d_z: Tensor | None = None  # [b, p, n, B, W]
    d_later: tuple[Tensor, ...] = ()  # p of [b, n, B, W]: gradients from the step after
    d_unread: Tensor | None = None  # [b, n − c, B, W] of d_a, for activations that end here unread

    @property
    def pieces(self) -> int:
        """Linear functions of a unit, of which maxout takes the largest."""
        return self.z.shape[1]


def connect(
    units: HiddenUnits,
    x_next: Tensor | None,
    x_output: Tensor | None,
    skip: Tensor | None,
    masks: Tensor | None,
) -> None:
    """Connect the first c networks of a group to x_next [b, p, c, B, W], the others to x_output
    [b, n − c, B, W]. None: there are no such networks, or they are not read."""
    c = 0 if x_next is None else x_next.shape[2]
    for own, target, copies in (
        (slice(0, c), None if x_next is None else x_next[:, 0], x_next),
        (slice(c, None), x_output, None),
    ):
        if target is not None:
            units.connections.append(
                Connection(
                    z=units.z[:, 0, own],
                    a=units.a[:, own],
                    target=target,
                    copies=copies[:, 1:] if copies is not None and units.pieces > 1 else None,
                    skip=None if skip is None else skip[:, own],
                    mask=None if masks is None else masks[:, own],
                )
            )


def connect_backward(
    units: HiddenUnits, d_next: Tensor | None, d_output: Tensor | None, d_skip: Tensor | None
) -> None:
    """The same for gradients; units.d_z is set."""
    if units.d_z is None:
        raise RuntimeError("gradients of pre-activations come first")
    units.d_a = units.d_z[:, 0] if units.pieces == 1 else torch.zeros_like(units.a)
    c = 0 if d_next is None else d_next.shape[2]
    connections = iter(units.connections)
    for own, gradient in ((slice(0, c), d_next), (slice(c, None), d_output)):
        if gradient is None:
            continue
        connection = next(connections)
        connection.d_target = gradient[:, 0] if gradient is d_next else gradient
        if gradient is d_next:
            connection.d_copies = gradient[:, 1:].unbind(1)
        connection.d_a = units.d_a[:, own]
        connection.d_skip = None if d_skip is None else d_skip[:, own]
    if d_output is None and units.a.shape[1] > c:
        units.d_unread = units.d_a[:, c:]


def group_view(stack: Tensor, start: int, branches: int, pieces: int, n: int) -> tuple[Tensor, int]:
    """A group's slices [b, p, n, B, ·] of [S, B, ·], and where the next group's start."""
    end = start + branches * pieces * n
    return stack[start:end].view(branches, pieces, n, *stack.shape[1:]), end


def activate(units: HiddenUnits) -> None:
    """a = f(z)."""
    if units.pieces > 1:
        largest_piece(units.z, units.a)
    else:
        units.function.forward(units.z[:, 0], units.a)
        if units.real_units is not None:
            units.a.mul_(units.real_units)
    if units.piece_copies is not None:
        units.piece_copies.copy_(units.a.unsqueeze(1).expand_as(units.piece_copies))


def pass_on(units: HiddenUnits, *, dropout: bool) -> None:
    """Activations, masked and added to what they skip over, to where they are read next."""
    for connection in units.connections:
        if dropout and connection.mask is not None:
            if connection.skip is None:
                torch.mul(connection.a, connection.mask, out=connection.target)
            else:
                torch.addcmul(connection.skip, connection.a, connection.mask, out=connection.target)
        elif connection.skip is None:
            connection.target.copy_(connection.a)
        else:
            torch.add(connection.skip, connection.a, out=connection.target)
        if connection.copies is not None:
            connection.copies.copy_(connection.target.unsqueeze(1).expand_as(connection.copies))


def activate_and_pass_on(units: HiddenUnits) -> None:
    """Both at once where nothing needs the activations later: in evaluation."""
    if units.pieces > 1 or units.piece_copies is not None:
        activate(units)
        pass_on(units, dropout=False)
        return
    for connection in units.connections:
        if connection.skip is None:
            units.function.forward(connection.z, connection.target)
        else:
            units.function.forward(connection.z, connection.a)
            torch.add(connection.skip, connection.a, out=connection.target)


def gather_gradient(units: HiddenUnits, *, dropout: bool) -> None:
    """d_a, from the inputs that the activations became, and from the step after."""
    if units.d_unread is not None:
        units.d_unread.zero_()
    for connection in units.connections:
        if connection.d_target is None or connection.d_a is None:
            raise RuntimeError("these layers were made without gradients")
        for copy in connection.d_copies:
            connection.d_target.add_(copy)
        if dropout and connection.mask is not None:
            torch.mul(connection.d_target, connection.mask, out=connection.d_a)
        else:
            connection.d_a.copy_(connection.d_target)


def differentiate(units: HiddenUnits) -> None:
    """d_z from d_a."""
    if units.d_a is None or units.d_z is None:
        raise RuntimeError("these layers were made without gradients")
    if units.pieces == 1:
        saved = units.a if units.function.in_place else units.z[:, 0]
        units.function.backward(units.d_a, saved, units.d_a)
        return
    largest_piece_backward(units.d_a, units.z, units.a, units.d_z)


def add_skipped(units: HiddenUnits) -> None:
    """Add the gradient of a residual sum to that of the layer's input: d_skip += d_target."""
    for connection in units.connections:
        if connection.d_skip is not None and connection.d_target is not None:
            connection.d_skip.add_(connection.d_target)
