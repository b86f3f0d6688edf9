"""A shuffled order of the numbers below any size, a number at a time."""

import hashlib
from functools import cached_property

import numpy as np
from numpy.random import SeedSequence, default_rng
from numpy.typing import NDArray

# Up to here the order is NumPy's, written out: 128 MiB. Studies were begun with it, so it stays.
MOST_WRITTEN_OUT = 2**24
ROUNDS = 4  # the fewest after which nobody tells the order from a random one (Luby, Rackoff 1988)


class Permutation:
    """A bijection of the numbers from 0 to size − 1 that follows from the seed.

    A large one is a Feistel network over the next power of 4, walked until it is back below the
    size (Black and Rogaway, Ciphers with arbitrary finite domains, CT-RSA 2002).
    """

    def __init__(self, size: int, seed: SeedSequence) -> None:
        self.size = size
        self._seed = seed
        self._half = ((size - 1).bit_length() + 1) // 2  # bits of each half

    def __getitem__(self, number: int) -> int:
        """Where the number goes."""
        if self.size <= MOST_WRITTEN_OUT:
            return int(self._written_out[number])
        found = self._feistel(number)
        while found >= self.size:
            found = self._feistel(found)
        return found

    @cached_property
    def _written_out(self) -> NDArray[np.int64]:
        return default_rng(self._seed).permutation(self.size)

    @cached_property
    def _key(self) -> bytes:
        return self._seed.generate_state(8).tobytes()

    def _feistel(self, number: int) -> int:
        mask = (1 << self._half) - 1
        left, right = number >> self._half, number & mask
        for round_ in range(ROUNDS):
            left, right = right, left ^ (self._mixed(round_, right) & mask)
        return left << self._half | right

    def _mixed(self, round_: int, half: int) -> int:
        length = self._half // 8 + 1
        given = self._key + bytes([round_]) + half.to_bytes(length, "little")
        return int.from_bytes(hashlib.shake_256(given).digest(length), "little")
