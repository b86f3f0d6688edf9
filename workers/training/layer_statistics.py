"""Gradients and activations of hidden layers: how much gradient reaches each layer, and how many of
its units are saturated or dead."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from workers.networks.activations import activation_function
from workers.networks.network import used_examples
from workers.networks.shapes import pad
from workers.segment import LayerStatistics
from workers.training.program import Program

PROBE_EXAMPLES = 128


@dataclass(frozen=True, slots=True)
class NetworkLayer:
    """One layer of one network."""

    gradient_norm: float
    mean: float
    std: float
    saturated: float

    @property
    def is_finite(self) -> bool:
        """Whether all numbers are finite; weights that overflow leave some that are not."""
        return math.isfinite(self.gradient_norm + self.mean + self.std)


def probe_layers(program: Program) -> list[list[NetworkLayer]]:
    """Per network and hidden layer, from its first PROBE_EXAMPLES training examples.

    One pass forward and backward without dropout; leaves weights and moments as they are.
    """
    networks, examples = program.networks, program.examples
    used = [
        min(PROBE_EXAMPLES, used_examples(n.configuration, len(examples.split(n.replicate).train)))
        for n in networks
    ]
    rows = pad(max(used))
    layers = program.probe_layers(rows)
    table = np.empty((len(networks), rows), np.int64)
    weights = np.zeros((len(networks), rows, 1))
    for k, network in enumerate(networks):
        offset = examples.row_offset(network.replicate)
        own = examples.split(network.replicate).train[: used[k]]
        table[k] = offset + own[0]
        table[k, : used[k]] = offset + own
        weights[k, : used[k]] = 1.0 / used[k]
    like = program.weights.flat
    layers.gather(
        program.features, torch.from_numpy(table[program.owners].reshape(-1)).to(like.device)
    )
    layers.forward()
    found: list[list[NetworkLayer]] = [[] for _ in networks]
    activations = [
        {
            k: np.concatenate([t[: used[k]].cpu().numpy() for t in own], axis=1)
            for k, own in layers.activations(layer)
        }
        for layer in range(1, program.layout.depth + 1)
    ]
    program.differentiate_loss(
        torch.from_numpy(table.reshape(-1)).to(like.device),
        torch.from_numpy(weights).to(like.device, like.dtype),
        layers,
    )
    layers.backward()
    norms = _gradient_norms(program)
    for layer, by_network in enumerate(activations, start=1):
        for k, values in by_network.items():
            activation = networks[k].configuration.activation
            function = activation_function(activation, program.settings)
            with np.errstate(invalid="ignore"):
                mean = float(values.mean(dtype=np.float64))
            finite = math.isfinite(mean)
            found[k].append(
                NetworkLayer(
                    norms[k][layer],
                    mean,
                    float(values.std(dtype=np.float64)) if finite else math.nan,
                    function.saturated_share(values) if finite else 0.0,
                )
            )
    return found


def _gradient_norms(program: Program) -> list[dict[int, float]]:
    """Per network, the Euclidean norm of each layer's weight gradients."""
    squares = [
        np.square(region.cpu().numpy().astype(np.float64)).sum(axis=(1, 2)).tolist()
        for region in program.gradients.regions
    ]
    norms = []
    for blocks in program.parameters.networks:
        sums: dict[int, float] = {}
        for block in blocks:
            layer = block.parameter.layer
            if layer and not block.parameter.is_bias:
                sums[layer] = sums.get(layer, 0.0) + squares[block.region][block.slot]
        norms.append({layer: float(np.sqrt(total)) for layer, total in sums.items()})
    return norms


def average_layers(members: list[list[NetworkLayer]], epoch: int) -> tuple[LayerStatistics, ...]:
    """A replicate's layers: means over its members, without those that overflow."""
    members = [own for own in members if all(layer.is_finite for layer in own)]
    averaged = []
    for layer, own in enumerate(zip(*members, strict=True), start=1):
        table = np.array([[n.gradient_norm, n.mean, n.std, n.saturated] for n in own])
        norm, mean, std, saturated = table.mean(axis=0).tolist()
        averaged.append(LayerStatistics(layer, epoch, norm, mean, std, saturated))
    return tuple(averaged)
