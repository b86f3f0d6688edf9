"""The weights of a program's networks, stacked by region, and each network's own share of them.

A region holds equal matrices: [slots, rows, columns]. A network's share is a list of slots, in an
order that depends on the network alone, so it can be taken out of one program and put into
another: drop, split, merge, save and restore are all this one operation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.networks.shapes import pad, width_bucket
from workers.networks.wiring import Extent, Parameter, Role

BIAS_MULTIPLE = 32  # floats: every slice of an elementwise operation is a multiple of it


@dataclass(frozen=True, slots=True)
class Block:
    """Where a matrix or a bias of one network lies: slot `slot` of a region.

    fan_in × fan_out of its numbers are real, the rest is padding and stays zero.
    """

    region: int
    slot: int
    parameter: Parameter


@dataclass(frozen=True, slots=True)
class Region:
    """Matrices of equal role: owners[slot] is the program's index of its network."""

    role: Role
    rows: int
    columns: int
    owners: tuple[int, ...]

    @property
    def size(self) -> int:
        """Numbers per slot."""
        return self.rows * self.columns


@dataclass(frozen=True, slots=True)
class ParameterLayout:
    """Where every parameter of a program lies: the regions, and the blocks of each network."""

    regions: tuple[Region, ...]
    networks: tuple[tuple[Block, ...], ...]

    def position(self, role: Role) -> int:
        """Which of the regions holds the matrices of a role."""
        return [region.role for region in self.regions].index(role)

    def of_network(self, network: int) -> list[Parameter]:
        """The matrices and biases of a network, in the order in which its numbers are kept."""
        return [block.parameter for block in self.networks[network]]

    def sizes(self, network: int) -> list[int]:
        """Padded numbers in each block of a network."""
        return [self.regions[block.region].size for block in self.networks[network]]


class Stack:
    """One number per parameter (weights, gradients or a moment), as a view per region."""

    def __init__(self, layout: ParameterLayout, dtype: torch.dtype, device: torch.device) -> None:
        self.layout = layout
        sizes = [len(region.owners) * region.size for region in layout.regions]
        self.flat = torch.zeros(sum(sizes), dtype=dtype, device=device)
        self.regions = [
            part.view(len(region.owners), region.rows, region.columns)
            for part, region in zip(torch.split(self.flat, sizes), layout.regions, strict=True)
        ]

    def of(self, role: Role) -> Tensor:
        """The stack [slots, rows, columns] of the matrices of a role."""
        return self.regions[self.layout.position(role)]

    def take(self, network: int) -> Tensor:
        """A copy of a network's numbers, [P], on the CPU."""
        blocks = self.layout.networks[network]
        parts = [self.regions[block.region][block.slot].reshape(-1) for block in blocks]
        return torch.cat(parts).cpu()

    def put(self, network: int, numbers: Tensor) -> None:
        """Set a network's numbers from what `take` returned, in this or another program."""
        parts = torch.split(numbers.to(self.flat.device), self.layout.sizes(network))
        for block, part in zip(self.layout.networks[network], parts, strict=True):
            self.regions[block.region][block.slot].view(-1).copy_(part)

    def finite(self) -> Tensor:
        """Per network, whether all its numbers are finite: [K] on the CPU."""
        finite = torch.ones(len(self.layout.networks), dtype=torch.bool)
        for view, region in zip(self.regions, self.layout.regions, strict=True):
            sums = view.view(len(region.owners), region.size).abs().amax(dim=1).cpu()
            for slot in torch.nonzero(~torch.isfinite(sums)).flatten().tolist():
                finite[region.owners[slot]] = False
        return finite


def padded_extents(inputs: int, width: int, outputs: int) -> dict[Extent, int]:
    """What the matrices of a network are padded to; width is that of its widest branch."""
    return {
        Extent.ONE: 1,
        Extent.INPUTS: pad(inputs),
        Extent.UNITS: width_bucket(width),
        Extent.OUTPUTS: pad(outputs),
    }


def padded_shape(role: Role, extents: Mapping[Extent, int]) -> tuple[int, int]:
    """Rows and columns of a padded matrix; a bias is padded further than what it is added to."""
    rows, columns = extents[role.rows], extents[role.columns]
    if role.rows is Extent.ONE:
        columns = -(-columns // BIAS_MULTIPLE) * BIAS_MULTIPLE
    return rows, columns


def assemble_blocks(
    matrices: Sequence[np.ndarray], layout: ParameterLayout, network: int, dtype: torch.dtype
) -> Tensor:
    """A network's numbers [P] from its real weights and biases, block by block."""
    parts = []
    for matrix, block in zip(matrices, layout.networks[network], strict=True):
        region = layout.regions[block.region]
        padded = np.zeros((region.rows, region.columns))
        own = block.parameter
        padded[: own.fan_in, : own.fan_out] = matrix
        parts.append(torch.from_numpy(padded.reshape(-1)).to(dtype))
    return torch.cat(parts)


def real_blocks(numbers: Tensor, layout: ParameterLayout, network: int) -> list[Tensor]:
    """The inverse of assemble_blocks: matrices [fan_in, fan_out] and biases [1, fan_out]."""
    blocks = layout.networks[network]
    matrices = []
    for part, block in zip(torch.split(numbers, layout.sizes(network)), blocks, strict=True):
        region = layout.regions[block.region]
        own = block.parameter
        matrices.append(part.view(region.rows, region.columns)[: own.fan_in, : own.fan_out])
    return matrices
