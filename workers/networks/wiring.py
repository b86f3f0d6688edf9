"""What a topology says of one network: its matrices, branch by branch and layer by layer.

How many numbers a network trains, what they take in memory and what an exported model calls them
are sums over these. Nothing here needs torch, so that trials can be sorted by shape without it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from workers.configuration import TrainingSettings


class Extent(Enum):
    """What the rows or the columns of a matrix stand for."""

    ONE = "one"  # the only row of a bias
    INPUTS = "inputs"  # features of an example, or of one step of a sequence
    UNITS = "units"  # of a branch of a hidden layer
    OUTPUTS = "outputs"


@dataclass(frozen=True, slots=True)
class Role:
    """What a matrix is for; those of equal role are stacked, and multiplied together.

    tensor is how the name of such a matrix ends in an exported model.
    """

    tensor: str
    rows: Extent
    columns: Extent


INPUT = Role("weight", Extent.INPUTS, Extent.UNITS)
HIDDEN = Role("weight", Extent.UNITS, Extent.UNITS)
OUTPUT = Role("weight", Extent.UNITS, Extent.OUTPUTS)
HIDDEN_BIAS = Role("bias", Extent.ONE, Extent.UNITS)
OUTPUT_BIAS = Role("bias", Extent.ONE, Extent.OUTPUTS)


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """The real sizes of a network's layers: inputs are what the first one reads at once, pieces the
    linear functions of which a hidden unit is the largest."""

    width: int
    inputs: int
    outputs: int
    pieces: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """A weight matrix [fan_in, fan_out] of one network, or a bias, whose fan_in is 1.

    scale_in is the fan-in by which initial weights are scaled, larger than fan_in where parallel
    branches feed the same units; 0 marks a bias. layer counts from 1 at the input; 0 is the output.
    branch and piece are None where there is only one.
    """

    role: Role
    fan_in: int
    fan_out: int
    scale_in: int
    layer: int = 0
    branch: int | None = None
    piece: int | None = None

    @property
    def is_bias(self) -> bool:
        """A bias starts at zero; everything else is drawn."""
        return self.scale_in == 0

    @property
    def count(self) -> int:
        """Trainable numbers."""
        return self.fan_in * self.fan_out

    @property
    def name(self) -> str:
        """The tensor's name in an exported model: hidden.1.weight, output.bias, …"""
        parts = [f"hidden.{self.layer}" if self.layer else "output"]
        if self.branch is not None:
            parts.append(f"branch.{self.branch}")
        if self.piece is not None:
            parts.append(f"piece.{self.piece}")
        return ".".join([*parts, self.role.tensor])


class Wiring:
    """The matrices of a network of one topology; a feedforward network's, unless overridden."""

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings

    @property
    def roles(self) -> tuple[Role, ...]:
        """All roles of a network's matrices, in the order in which their stacks lie in memory."""
        return INPUT, HIDDEN, OUTPUT, HIDDEN_BIAS, OUTPUT_BIAS

    @classmethod
    def branch_widths(cls, width: int) -> tuple[int, ...]:
        """Units of each parallel branch of a hidden layer of `width` units."""
        return (width,)

    def sequence_shape(self, inputs: int) -> tuple[int, int]:
        """How a network reads its features: (steps, features per step)."""
        return 1, inputs

    def hidden_roles(self, layer: int) -> tuple[Role, ...]:
        """The matrices of one piece of one branch of a hidden layer, counted from 1."""
        return INPUT if layer == 1 else HIDDEN, HIDDEN_BIAS

    def hidden_slices(self, layer: int, size: NetworkSize) -> list[tuple[Parameter, ...]]:
        """The matrices of each slice of a hidden layer: branch by branch, piece by piece."""
        widths = self.branch_widths(size.width)
        slices = []
        for branch, width in enumerate(widths):
            rows = {Extent.ONE: 1, Extent.INPUTS: size.inputs, Extent.UNITS: width}
            for piece in range(size.pieces):
                slices.append(
                    tuple(
                        Parameter(
                            role=role,
                            fan_in=rows[role.rows],
                            fan_out=width,
                            scale_in=0 if role.rows is Extent.ONE else rows[role.rows],
                            layer=layer,
                            branch=branch if len(widths) > 1 else None,
                            piece=piece if size.pieces > 1 else None,
                        )
                        for role in self.hidden_roles(layer)
                    )
                )
        return slices

    def output_slices(self, size: NetworkSize) -> list[Parameter]:
        """The output weights of each branch; they add up, so they are scaled by all of them."""
        widths = self.branch_widths(size.width)
        return [
            Parameter(
                role=OUTPUT,
                fan_in=width,
                fan_out=size.outputs,
                scale_in=size.width,
                branch=branch if len(widths) > 1 else None,
            )
            for branch, width in enumerate(widths)
        ]

    def output_bias(self, size: NetworkSize) -> Parameter:
        """The one bias of the output."""
        return Parameter(OUTPUT_BIAS, 1, size.outputs, 0)

    def parameters(self, depth: int, size: NetworkSize) -> Iterator[Parameter]:
        """All matrices of a network, in the order in which its numbers are kept."""
        for layer in range(1, depth + 1):
            for own in self.hidden_slices(layer, size):
                yield from own
        yield from self.output_slices(size)
        yield self.output_bias(size)
