"""Recurrent (Elman 1990): the features read as a sequence, of simple or of gated units."""

import math
from typing import TYPE_CHECKING

from workers.configuration import RecurrentCell
from workers.networks.topologies.topology import Layers, NetworkTopology
from workers.networks.wiring import HIDDEN, HIDDEN_BIAS, INPUT, Extent, Role

if TYPE_CHECKING:
    from torch import Tensor

    from workers.networks.layers.layout import SliceLayout
    from workers.networks.parameters import Stack

RECURRENT = Role("recurrent_weight", Extent.UNITS, Extent.UNITS)
GATES = {
    role: Role(f"gate.{role.tensor}", role.rows, role.columns)
    for role in (INPUT, HIDDEN, HIDDEN_BIAS, RECURRENT)
}


class Recurrent(NetworkTopology):
    """Every unit reads its layer's last state too; a gated one has as many weights again."""

    @property
    def is_gated(self) -> bool:
        """Whether every piece of a hidden unit has a gate."""
        return self.settings.recurrent_cell is RecurrentCell.GATED

    @property
    def roles(self) -> tuple[Role, ...]:
        return *super().roles, RECURRENT, *(GATES.values() if self.is_gated else ())

    def sequence_shape(self, inputs: int) -> tuple[int, int]:
        """Nearly square."""
        per_step = math.isqrt(inputs)
        return -(-inputs // per_step), per_step

    def hidden_roles(self, layer: int) -> tuple[Role, ...]:
        weight, bias = super().hidden_roles(layer)
        cell = weight, RECURRENT, bias
        return (*cell, *(GATES[role] for role in cell)) if self.is_gated else cell

    def arrange(self, features: "Tensor", inputs: int) -> "Tensor":
        from workers.networks.layers.recurrent import as_sequences

        return as_sequences(features, inputs, *self.sequence_shape(inputs))

    def layers(
        self,
        layout: "SliceLayout",
        weights: "Stack",
        rows: int,
        gradients: "Stack | None" = None,
        masks: "Tensor | None" = None,
    ) -> Layers:
        from workers.networks.layers.gated import GatedLayers
        from workers.networks.layers.recurrent import RecurrentLayers

        layers = GatedLayers if self.is_gated else RecurrentLayers
        return layers(layout, weights, rows, gradients, masks)
