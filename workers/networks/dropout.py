"""Inverted dropout (Srivastava et al. 2014): units are switched off at random, in training only.

Every layer of a network has its own stream of 16 random bits per unit and row, named by replicate,
member, epoch and layer. As with all streams, trials share them: where several networks of a program
read the same stream in the same shape, it is drawn once and compared with the rate of each.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from workers.networks.network import Network
from workers.seeds import Purpose, random_generator

LEVELS = 1 << 16
_LOWEST = -(1 << 15)
_BLOCK = 1 << 20  # bits of a layer that are drawn at a time, in units and rows


class Dropout:
    """Masks [K, layers, branches, B, W]: 0 for units that are off, 1 / (1 − probability) for the
    others."""

    def __init__(
        self,
        networks: Sequence[Network],
        own_rows: Sequence[int],
        sizes: tuple[int, int, int, int],
        like: Tensor,
    ) -> None:
        """sizes are (layers, branches, B, W); own_rows each network's own padded rows."""
        _, self.branches, _, self.width = sizes
        self.masks = torch.ones((len(networks), *sizes), dtype=like.dtype, device=like.device)
        self.flat_masks = self.masks.view(len(networks), -1)
        rates = [network.configuration.dropout for network in networks]
        scales = [1.0 / (1.0 - rate) for rate in rates]
        self.scales = torch.tensor(scales, dtype=like.dtype, device=like.device).view(-1, 1)
        self.streams: dict[tuple[int, int, int], _Stream] = {}
        for k, (network, rate) in enumerate(zip(networks, rates, strict=True)):
            if rate > 0.0:
                threshold = min(round(rate * LEVELS), LEVELS - 1) + _LOWEST
                own = self.masks[k, : network.configuration.depth, :, : own_rows[k]]
                # Rows that are padded for others are never drawn, but scaled in every step: a one
                # there would grow until it overflows, and take the network with it.
                self.masks[k, :, :, own_rows[k] :] = 0.0
                name = network.replicate, network.member, own_rows[k]
                stream = self.streams.setdefault(name, _Stream(network, own.shape[1:]))
                stream.readers.append(_Reader(k, threshold, own))
        for stream in self.streams.values():
            stream.allocate(like.device)

    def start_epoch(self, seed: int, epoch: int) -> None:
        """Begin the epoch's streams, so that an epoch can be trained without those before it."""
        for stream in self.streams.values():
            stream.start(seed, epoch)

    def draw(self, step: int, steps: Sequence[int]) -> None:
        """New masks for the networks that take part in this step."""
        for stream in self.streams.values():
            if step < stream.longest(steps):
                stream.read(step, steps)
        self.flat_masks.mul_(self.scales)


class _Reader:
    """A network that reads a stream: its masks [depth, branches, own rows, W] and threshold."""

    def __init__(self, network: int, threshold: int, masks: Tensor) -> None:
        self.network, self.threshold, self.masks = network, threshold, masks
        self.bits = masks.new_empty(0, dtype=torch.int16)  # of the current step, as masks


class _Stream:
    """The bits that all networks of one replicate, member and batch shape read."""

    def __init__(self, network: Network, shape: torch.Size) -> None:
        self.replicate, self.member, self.shape = network.replicate, network.member, shape
        self.size = shape.numel()
        self.block_length = max(1, _BLOCK // self.size)
        self.readers: list[_Reader] = []

    def allocate(self, device: torch.device) -> None:
        """After all readers are known: the memory of one step, which they see a part of."""
        self.layers = max(len(reader.masks) for reader in self.readers)
        self.current = torch.empty((self.layers, *self.shape), dtype=torch.int16, device=device)
        for reader in self.readers:
            reader.bits = self.current[: len(reader.masks)]

    def start(self, seed: int, epoch: int) -> None:
        """Begin an epoch: its first read draws anew."""
        self.seed, self.epoch, self.block = seed, epoch, -1

    def longest(self, steps: Sequence[int]) -> int:
        """The most steps that one of its readers takes in an epoch."""
        return max(steps[reader.network] for reader in self.readers)

    def read(self, step: int, steps: Sequence[int]) -> None:
        """Masks of one step, 0 or 1, for the readers that take part in it."""
        block, position = divmod(step, self.block_length)
        if block != self.block:
            self._draw_block(block, min(self.block_length, self.longest(steps) - step))
        self.current.copy_(self.drawn[position])
        for reader in self.readers:
            if step < steps[reader.network]:
                if reader.masks.is_cpu:
                    torch.ge(reader.bits, reader.threshold, out=reader.masks)
                else:
                    reader.masks.copy_(reader.bits >= reader.threshold)

    def _draw_block(self, block: int, length: int) -> None:
        drawn = np.empty((length, self.layers, self.size), np.int16)
        for layer in range(self.layers):
            names = self.replicate, self.member, self.epoch, block, layer
            rng = random_generator(self.seed, Purpose.DROPOUT, *names)
            raw = rng.bit_generator.random_raw(length * self.size // 4)
            drawn[:, layer] = raw.view(np.int16).reshape(length, self.size)
        self.block = block
        self.drawn = torch.from_numpy(drawn).view(length, *self.current.shape)
        self.drawn = self.drawn.to(self.current.device)
