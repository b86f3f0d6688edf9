"""Which examples each network sees in each step of an epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workers.networks.network import Network, used_examples
from workers.seeds import Purpose, random_generator
from workers.training.examples import Examples


@dataclass(frozen=True, eq=False)
class EpochBatches:
    """All batches of an epoch of K networks, in B rows; padded rows repeat a row of the batch.

    Padded rows have weight zero; they repeat a real one so that nothing overflows in them alone.

    rows [steps, S₁ · B] are read by the slices of the first layer, target_rows [steps, K · B] by
    the outputs; weights [steps, K, B, 1] make the mean over a batch's real rows.
    """

    rows: Tensor
    target_rows: Tensor
    weights: Tensor
    steps: tuple[int, ...]


def network_steps(network: Network, examples: Examples) -> int:
    """Steps per epoch; the last may have fewer examples."""
    count = used_examples(network.configuration, len(examples.split(network.replicate).train))
    return -(-count // network.configuration.batch_size)


def draw_batches(
    networks: Sequence[Network],
    owners: npt.NDArray[np.int64],
    examples: Examples,
    rows: int,
    seed: int,
    epoch: int,
) -> EpochBatches:
    """The batches of an epoch; owners are the networks of the first layer's slices."""
    steps = tuple(network_steps(network, examples) for network in networks)
    table = np.empty((max(steps), len(networks), rows), np.int64)
    weights = np.zeros((max(steps), len(networks), rows))
    for k, network in enumerate(networks):
        split = examples.split(network.replicate)
        offset = examples.row_offset(network.replicate)
        count = used_examples(network.configuration, len(split.train))
        size = min(network.configuration.batch_size, count)
        order = example_order(seed, network.replicate, network.member, epoch, count)
        padded = np.full(steps[k] * size, split.train[order[-1]], np.int64)
        padded[:count] = split.train[order]
        own = offset + padded.reshape(steps[k], size)
        table[:, k] = own[-1, 0]
        table[: steps[k], k] = own[:, :1]
        table[: steps[k], k, :size] = own
        weights[: steps[k], k, :size] = 1.0 / size
        last = count - (steps[k] - 1) * size
        weights[steps[k] - 1, k, :last] = 1.0 / last
        weights[steps[k] - 1, k, last:] = 0.0
    device, dtype = examples.features.device, examples.features.dtype
    return EpochBatches(
        rows=torch.from_numpy(table[:, owners].reshape(max(steps), -1)).to(device),
        target_rows=torch.from_numpy(table.reshape(max(steps), -1)).to(device),
        weights=torch.from_numpy(weights[..., None]).to(device, dtype),
        steps=steps,
    )


@lru_cache(maxsize=256)
def example_order(
    seed: int, replicate: int, member: int, epoch: int, count: int
) -> npt.NDArray[np.int64]:
    """The order of an epoch's examples, shared by all trials that use as many."""
    return random_generator(seed, Purpose.ORDER, replicate, member, epoch).permutation(count)
