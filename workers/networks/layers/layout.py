"""Which slice of which layer belongs to whom, in a program of networks of one topology.

Layer l is one product over the slices of all networks that have such a layer. A group is the
neighbours of equal activation, ordered from deep to shallow: those that go on to layer l + 1 are
the first of their group. Parallel branches, and the pieces of maxout units, are further slices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from torch import Tensor

from workers.configuration import Configuration, TrainingSettings
from workers.networks.activations import ActivationFunction, activation_function
from workers.networks.parameters import (
    Block,
    ParameterLayout,
    Region,
    padded_extents,
    padded_shape,
)
from workers.networks.wiring import Extent, NetworkSize, Parameter, Wiring


@dataclass(frozen=True)
class ActivationGroup:
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


class SliceLayout:
    """Who owns which slice of which layer, and which stacks the networks' matrices lie in.

    All networks have the wiring, and widths of one bucket. `inputs` are their features, `outputs`
    their output units; self.inputs, width and outputs are what those are padded to.
    """

    def __init__(
        self,
        wiring: Wiring,
        configurations: Sequence[Configuration],
        inputs: int,
        outputs: int,
        settings: TrainingSettings,
    ) -> None:
        self.wiring, self.configurations = wiring, configurations
        self.steps, step_inputs = wiring.sequence_shape(inputs)
        widths = self.branch_widths(0)
        self.branches = len(widths)
        self.extents = padded_extents(step_inputs, max(widths), outputs)
        self.inputs = self.extents[Extent.INPUTS]
        self.width = self.extents[Extent.UNITS]
        self.outputs = self.extents[Extent.OUTPUTS]
        self.depth = max(configuration.depth for configuration in configurations)
        self.groups = _group_by_activation(configurations, settings)
        self.parameters = self._place(
            [
                NetworkSize(c.width, step_inputs, outputs, group.pieces)
                for group in self.groups
                for c in configurations[group.first : group.first + len(group.depths)]
            ]
        )

    def branch_widths(self, network: int) -> tuple[int, ...]:
        """Real units of each branch of a network's hidden layers."""
        return self.wiring.branch_widths(self.configurations[network].width)

    def slices(self, layer: int) -> int:
        """Slices of a layer's product."""
        return sum(self.branches * g.pieces * g.having(layer) for g in self.groups)

    def real_units(self, group: ActivationGroup, n: int, like: Tensor) -> Tensor | None:
        """1 for the real units [b, n, 1, W] of a group's first n, where f(0) is not 0.

        None where padding stays zero of itself. Otherwise weights from padding would learn.
        """
        real = like.new_zeros(self.branches, n, 1, self.width)
        for i in range(n):
            for branch, width in enumerate(self.branch_widths(group.first + i)):
                real[branch, i, :, :width] = 1.0
        return real if group.function.at_zero != 0.0 and not bool(real.all()) else None

    def _place(self, sizes: Sequence[NetworkSize]) -> ParameterLayout:
        """Slots in the order of slices: layer, group, branch, piece, network."""
        roles = self.wiring.roles
        position = {role: place for place, role in enumerate(roles)}
        owners: list[list[int]] = [[] for _ in roles]
        blocks: list[list[Block]] = [[] for _ in sizes]

        hidden_slices = cache(self.wiring.hidden_slices)  # many networks have equal sizes

        def place(k: int, parameter: Parameter) -> None:
            region = position[parameter.role]
            blocks[k].append(Block(region, len(owners[region]), parameter))
            owners[region].append(k)

        for layer in range(1, self.depth + 1):
            for group in self.groups:
                own = range(group.first, group.first + group.having(layer))
                by_network = [hidden_slices(layer, sizes[k]) for k in own]
                for slices in zip(*by_network, strict=True):
                    for k, parameters in zip(own, slices, strict=True):
                        for parameter in parameters:
                            place(k, parameter)
        for branches in zip(*map(self.wiring.output_slices, sizes), strict=True):
            for k, parameter in enumerate(branches):
                place(k, parameter)
        for k, size in enumerate(sizes):
            place(k, self.wiring.output_bias(size))
        regions = tuple(
            Region(role, *padded_shape(role, self.extents), tuple(who))
            for role, who in zip(roles, owners, strict=True)
        )
        return ParameterLayout(regions, tuple(tuple(own) for own in blocks))


def _group_by_activation(
    configurations: Sequence[Configuration], settings: TrainingSettings
) -> tuple[ActivationGroup, ...]:
    groups = []
    first = 0
    for activation, members in groupby(configurations, key=lambda c: c.activation):
        depths = tuple(configuration.depth for configuration in members)
        groups.append(ActivationGroup(first, depths, activation_function(activation, settings)))
        first += len(depths)
    return tuple(groups)
