"""Inverted dropout (Srivastava et al. 2014): units rest at random in training only.

Every network draws from its own stream, 16 random bits per unit and row, as many as its own
padded shape needs: masks do not depend on the neighbours, nor on how their rows are padded.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from workers.networks import Network
from workers.seeds import Purpose, random_generator

_LEVELS = 1 << 16
_LOWEST = -(1 << 15)


class Dropout:
    """Masks [K, layers, branches, B, W]: 0 for units at rest, 1 / (1 − probability) for others."""

    def __init__(
        self,
        networks: Sequence[Network],
        own_rows: Sequence[int],
        sizes: tuple[int, int, int, int],
        like: Tensor,
    ) -> None:
        """sizes are (layers, branches, B, W); own_rows each network's own padded rows."""
        self.networks, self.own_rows = networks, own_rows
        self.branches, self.width = sizes[1], sizes[3]
        count = len(networks)
        shape = count, *sizes
        self.masks = torch.ones(shape, dtype=like.dtype, device=like.device)
        self.bits = torch.zeros(shape, dtype=torch.int16)
        self.rates = [network.configuration.dropout for network in networks]
        thresholds = [min(round(rate * _LEVELS), _LEVELS - 1) + _LOWEST for rate in self.rates]
        self.thresholds = torch.tensor(thresholds, dtype=torch.int16).view(-1, 1, 1, 1, 1)
        scales = [1.0 / (1.0 - rate) for rate in self.rates]
        self.scales = torch.tensor(scales, dtype=like.dtype, device=like.device)
        self.scales = self.scales.view(-1, 1, 1, 1, 1)
        self.bits += self.thresholds  # networks without dropout never redraw: all their units work

    def start_epoch(self, seed: int, epoch: int) -> None:
        """Begin the epoch's streams, so that an epoch can be trained without those before it."""
        self.streams = [
            random_generator(
                seed, Purpose.DROPOUT, network.replicate, network.member, epoch
            ).bit_generator
            for network in self.networks
        ]

    def draw(self, step: int, steps: Sequence[int]) -> None:
        """New masks for the networks that take part in this step."""
        for k, network in enumerate(self.networks):
            if self.rates[k] == 0.0 or step >= steps[k]:
                continue
            depth, rows = network.configuration.depth, self.own_rows[k]
            shape = depth, self.branches, rows, self.width
            raw = self.streams[k].random_raw(int(np.prod(shape)) // 4)
            drawn = torch.from_numpy(raw.view(np.int16)).view(shape)
            self.bits[k, :depth, :, :rows] = drawn
        if self.masks.device.type == "cpu":
            torch.ge(self.bits, self.thresholds, out=self.masks)
        else:
            self.masks.copy_(torch.ge(self.bits, self.thresholds), non_blocking=True)
        self.masks *= self.scales
