"""Inverted dropout (Srivastava et al. 2014): units rest at random in training only.

Every layer of a network has its own stream of 16 random bits per unit and row, named by replicate,
member, epoch and layer. As with all streams, trials share them: where several networks of a
program read the same stream in the same shape, it is drawn once and compared with the rate of each.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from workers.networks import Network
from workers.seeds import Purpose, random_generator

_LEVELS = 1 << 16
_LOWEST = -(1 << 15)
_BLOCK = 1 << 20  # bits of a layer that are drawn at a time, in units and rows


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
        _, self.branches, _, self.width = sizes
        self.masks = torch.ones((len(networks), *sizes), dtype=like.dtype, device=like.device)
        self.flat_masks = self.masks.view(len(networks), -1)
        rates = [network.configuration.dropout for network in networks]
        scales = [1.0 / (1.0 - rate) for rate in rates]
        self.scales = torch.tensor(scales, dtype=like.dtype, device=like.device).view(-1, 1)
        self.on_cpu = like.device.type == "cpu"
        self.readers: dict[tuple[int, int, int], list[_Reader]] = {}
        for k, (network, rate) in enumerate(zip(networks, rates, strict=True)):
            if rate > 0.0:
                threshold = min(round(rate * _LEVELS), _LEVELS - 1) + _LOWEST
                own = self.masks[k, : network.configuration.depth, :, : own_rows[k]]
                stream = network.replicate, network.member, own_rows[k]
                self.readers.setdefault(stream, []).append(_Reader(k, threshold, own))

    def start_epoch(self, seed: int, epoch: int) -> None:
        """Begin the epoch's streams, so that an epoch can be trained without those before it."""
        self.seed, self.epoch = seed, epoch
        self.drawn: dict[tuple[int, int, int], tuple[int, Tensor]] = {}

    def draw(self, step: int, steps: Sequence[int]) -> None:
        """New masks for the networks that take part in this step."""
        for stream, readers in self.readers.items():
            active = [reader for reader in readers if step < steps[reader.network]]
            if not active:
                continue
            layers = max(len(reader.masks) for reader in readers)
            bits = self._bits(stream, step, layers, max(steps[r.network] for r in readers))
            for reader in active:
                own = bits[: len(reader.masks)]
                if self.on_cpu:
                    torch.ge(own, reader.threshold, out=reader.masks)
                else:
                    reader.masks.copy_(own >= reader.threshold)
                reader.masks.mul_(self.scales[reader.network])

    def _bits(self, stream: tuple[int, int, int], step: int, layers: int, steps: int) -> Tensor:
        """The stream's bits [layers, branches, rows, W] of one of an epoch's steps, as int16."""
        replicate, member, rows = stream
        size = self.branches * rows * self.width
        block_length = max(1, _BLOCK // size)
        block = step // block_length
        known = self.drawn.get(stream)
        if known is None or known[0] != block:
            length = min(block_length, steps - block * block_length)
            drawn = np.empty((length, layers, size), np.int16)
            for layer in range(layers):
                names = replicate, member, self.epoch, block, layer
                rng = random_generator(self.seed, Purpose.DROPOUT, *names)
                raw = rng.bit_generator.random_raw(length * size // 4)
                drawn[:, layer] = raw.view(np.int16).reshape(length, size)
            shape = length, layers, self.branches, rows, self.width
            bits = torch.from_numpy(drawn).view(shape)
            known = block, bits.to(self.masks.device)
            self.drawn[stream] = known
        return known[1][step % block_length]


class _Reader:
    """A network that reads a stream: its masks [depth, branches, own rows, W] and threshold."""

    def __init__(self, network: int, threshold: int, masks: Tensor) -> None:
        self.network, self.threshold, self.masks = network, threshold, masks
