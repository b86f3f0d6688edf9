"""The weights of a program's networks, stacked by region, and each network's own share of them.

A region holds equal matrices: [slots, rows, columns]. A network's share is a list of slots, in an
order that depends on the network alone, so it can be taken out of one program and put into
another: drop, split, merge, save and restore are all this one operation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BIAS_MULTIPLE = 32  # floats: every slice of an elementwise operation is a multiple of it


@dataclass(frozen=True, slots=True)
class Block:
    """A weight matrix or a bias of one network: slot `slot` of a region.

    fan_in × fan_out of its numbers are real, the rest is padding and stays zero. scale_in is the
    fan-in by which initial weights are scaled, larger than fan_in where parallel branches feed the
    same units; 0 marks a bias, whose fan_in is 1.
    """

    region: int
    slot: int
    fan_in: int
    fan_out: int
    scale_in: int
    layer: int = 0  # from 1 at the input; 0 is the output

    @property
    def is_bias(self) -> bool:
        """A bias starts at zero; everything else is drawn."""
        return self.scale_in == 0


@dataclass(frozen=True, slots=True)
class Region:
    """Equal matrices of several networks: owners[slot] is the program's index of its network."""

    rows: int
    columns: int
    owners: tuple[int, ...]

    @property
    def size(self) -> int:
        """Numbers per slot."""
        return self.rows * self.columns


@dataclass(frozen=True, slots=True)
class Plan:
    """Where every parameter of a program lies: the regions, and the blocks of each network."""

    regions: tuple[Region, ...]
    networks: tuple[tuple[Block, ...], ...]

    def sizes(self, network: int) -> list[int]:
        """Padded numbers in each block of a network."""
        return [self.regions[block.region].size for block in self.networks[network]]


class Stack:
    """One number per parameter (weights, gradients or a moment), as a view per region."""

    def __init__(self, plan: Plan, dtype: torch.dtype, device: torch.device) -> None:
        self.plan = plan
        sizes = [len(region.owners) * region.size for region in plan.regions]
        self.flat = torch.zeros(sum(sizes), dtype=dtype, device=device)
        self.regions = [
            part.view(len(region.owners), region.rows, region.columns)
            for part, region in zip(torch.split(self.flat, sizes), plan.regions, strict=True)
        ]

    def take(self, network: int) -> Tensor:
        """A copy of a network's numbers, [P], on the CPU."""
        blocks = self.plan.networks[network]
        parts = [self.regions[block.region][block.slot].reshape(-1) for block in blocks]
        return torch.cat(parts).cpu()

    def put(self, network: int, numbers: Tensor) -> None:
        """Set a network's numbers from what `take` returned, in this or another program."""
        parts = torch.split(numbers.to(self.flat.device), self.plan.sizes(network))
        for block, part in zip(self.plan.networks[network], parts, strict=True):
            self.regions[block.region][block.slot].view(-1).copy_(part)

    def finite(self) -> Tensor:
        """Per network, whether all its numbers are finite: [K] on the CPU."""
        finite = torch.ones(len(self.plan.networks), dtype=torch.bool)
        for view, region in zip(self.regions, self.plan.regions, strict=True):
            sums = view.view(len(region.owners), region.size).abs().amax(dim=1).cpu()
            for slot in torch.nonzero(~torch.isfinite(sums)).flatten().tolist():
                finite[region.owners[slot]] = False
        return finite


def assemble_blocks(
    matrices: Sequence[np.ndarray], plan: Plan, network: int, dtype: torch.dtype
) -> Tensor:
    """A network's numbers [P] from its real weights and biases, block by block."""
    parts = []
    for matrix, block in zip(matrices, plan.networks[network], strict=True):
        region = plan.regions[block.region]
        padded = np.zeros((region.rows, region.columns))
        padded[: block.fan_in, : block.fan_out] = matrix
        parts.append(torch.from_numpy(padded.reshape(-1)).to(dtype))
    return torch.cat(parts)


def real_blocks(numbers: Tensor, plan: Plan, network: int) -> list[Tensor]:
    """The inverse of assemble_blocks: matrices [fan_in, fan_out] and biases [1, fan_out]."""
    blocks = plan.networks[network]
    matrices = []
    for part, block in zip(torch.split(numbers, plan.sizes(network)), blocks, strict=True):
        region = plan.regions[block.region]
        matrices.append(part.view(region.rows, region.columns)[: block.fan_in, : block.fan_out])
    return matrices
