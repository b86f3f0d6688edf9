"""Which slice of which layer belongs to whom, in a program of fully connected networks.

Layer l is one product over the slices of all networks that have such a layer. A group is the
neighbours of equal activation, ordered from deep to shallow: those that go on to layer l + 1 are
the first of their group. Parallel branches, and the pieces of maxout units, are further slices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from torch import Tensor

from workers.configuration import Topology, TrainingSettings
from workers.networks.activations import ActivationFunction, activation_function
from workers.networks.network import Network
from workers.networks.parameters import BIAS_MULTIPLE, Block, Plan, Region
from workers.networks.shapes import (
    branch_widths,
    is_gated,
    output_units,
    pad,
    sequence_shape,
    width_bucket,
)

INPUT, HIDDEN, OUTPUT, HIDDEN_BIAS, OUTPUT_BIAS, RECURRENT = range(6)
GATE_INPUT, GATE_HIDDEN, GATE_BIAS, GATE_RECURRENT = range(6, 10)
GATE_OF = {
    INPUT: GATE_INPUT,
    HIDDEN: GATE_HIDDEN,
    HIDDEN_BIAS: GATE_BIAS,
    RECURRENT: GATE_RECURRENT,
}


@dataclass(frozen=True)
class Group:
    """Networks first … first + len(depths) − 1 of a program: one activation, deepest first."""

    first: int
    depths: tuple[int, ...]
    function: ActivationFunction

    @property
    def pieces(self) -> int:
        """Linear functions per hidden unit."""
        return self.function.pieces

    def having(self, layer: int) -> int:
        """How many of them have this layer."""
        return sum(depth >= layer for depth in self.depths)


class StackedShape:
    """Who owns which slice of which layer: the plan of a program of fully connected networks."""

    def __init__(
        self, networks: Sequence[Network], inputs: int, classes: int, settings: TrainingSettings
    ) -> None:
        configuration = networks[0].configuration
        self.networks = networks
        self.residual = configuration.topology is Topology.RESIDUAL
        self.branches = len(branch_widths(configuration))
        self.recurrent = configuration.topology is Topology.RECURRENT
        self.gated = is_gated(configuration, settings)
        self.real_inputs = sequence_shape(inputs)[1] if self.recurrent else inputs
        self.inputs = pad(self.real_inputs)
        self.width = width_bucket(max(branch_widths(configuration)))
        self.units = output_units(classes)
        self.outputs = pad(self.units)
        self.depth = max(network.configuration.depth for network in networks)
        self.groups = _group_by_activation(networks, settings)
        self.plan = self._plan()

    def slices(self, layer: int) -> int:
        """Slices of a layer's product."""
        return sum(self.branches * g.pieces * g.having(layer) for g in self.groups)

    def real_units(self, group: Group, n: int, like: Tensor) -> Tensor | None:
        """1 for the real units [b, n, 1, W] of a group's first n, where f(0) is not 0.

        None where padding stays zero of itself. Otherwise weights from padding would learn.
        """
        real = like.new_zeros(self.branches, n, 1, self.width)
        for i in range(n):
            configuration = self.networks[group.first + i].configuration
            for branch, width in enumerate(branch_widths(configuration)):
                real[branch, i, :, :width] = 1.0
        return real if group.function.at_zero != 0.0 and not bool(real.all()) else None

    def _plan(self) -> Plan:
        """Slots in the order of slices: layer, group, branch, piece, network."""
        owners: list[list[int]] = [[] for _ in range(10 if self.gated else 6)]
        blocks: list[list[Block]] = [[] for _ in self.networks]
        for layer in range(1, self.depth + 1):
            region = INPUT if layer == 1 else HIDDEN
            for group in self.groups:
                for branch in range(self.branches):
                    for _piece in range(group.pieces):
                        for k in range(group.first, group.first + group.having(layer)):
                            width = branch_widths(self.networks[k].configuration)[branch]
                            fan_in = self.real_inputs if layer == 1 else width
                            own = [Block(region, len(owners[region]), fan_in, width, fan_in, layer)]
                            if self.recurrent:
                                slot = len(owners[RECURRENT])
                                own.append(Block(RECURRENT, slot, width, width, width, layer))
                            slot = len(owners[HIDDEN_BIAS])
                            own.append(Block(HIDDEN_BIAS, slot, 1, width, 0, layer))
                            if self.gated:
                                own += [replace(b, region=GATE_OF[b.region]) for b in own]
                            for block in own:
                                owners[block.region].append(k)
                            blocks[k] += own
        for branch in range(self.branches):
            for k, network in enumerate(self.networks):
                width = network.configuration.width
                fan_in = branch_widths(network.configuration)[branch]
                blocks[k].append(Block(OUTPUT, len(owners[OUTPUT]), fan_in, self.units, width))
                owners[OUTPUT].append(k)
        for k in range(len(self.networks)):
            blocks[k].append(Block(OUTPUT_BIAS, k, 1, self.units, 0))
            owners[OUTPUT_BIAS].append(k)
        bias = -(-self.width // BIAS_MULTIPLE) * BIAS_MULTIPLE
        output_bias = -(-self.outputs // BIAS_MULTIPLE) * BIAS_MULTIPLE
        shapes = [
            (self.inputs, self.width),
            (self.width, self.width),
            (self.width, self.outputs),
            (1, bias),
            (1, output_bias),
            (self.width, self.width),
        ]
        if self.gated:
            shapes += [shapes[region] for region in GATE_OF]
        regions = tuple(
            Region(rows, columns, tuple(who))
            for (rows, columns), who in zip(shapes, owners, strict=True)
        )
        return Plan(regions, tuple(tuple(own) for own in blocks))


def _group_by_activation(
    networks: Sequence[Network], settings: TrainingSettings
) -> tuple[Group, ...]:
    groups = []
    first = 0
    for activation, members in groupby(networks, key=lambda n: n.configuration.activation):
        own = list(members)
        depths = tuple(network.configuration.depth for network in own)
        groups.append(Group(first, depths, activation_function(activation, settings)))
        first += len(own)
    return tuple(groups)
