"""Named random streams: what a network draws depends on these names and on nothing else.

Trials share the streams of their replicate and member (common random numbers), so two
configurations are compared on the same splits, orders and noise.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for; the numbers are part of every result and never change."""

    TEST_SPLIT = 1
    SPLIT = 2
    ORDER = 3
    WEIGHTS = 4
    DROPOUT = 5
    LABEL_NOISE = 6
    REFIT = 7
    SHUFFLED_LABELS = 8


def random_generator(seed: int, purpose: Purpose, *names: int) -> np.random.Generator:
    """The generator of the stream (seed, purpose, *names): replicate, member, epoch as needed."""
    sequence = np.random.SeedSequence([seed, int(purpose), *names])
    return np.random.Generator(np.random.SFC64(sequence))
