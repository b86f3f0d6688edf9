"""Feedforward: every hidden layer reads the one below it."""

from typing import TYPE_CHECKING, ClassVar

from workers.networks.topologies.topology import Layers, NetworkTopology

if TYPE_CHECKING:
    from torch import Tensor

    from workers.networks.layers.layout import SliceLayout
    from workers.networks.parameters import Stack


class Feedforward(NetworkTopology):
    """Dense layers. skips says that what a layer reads is added to its activations."""

    skips: ClassVar[bool] = False

    def layers(
        self,
        layout: "SliceLayout",
        weights: "Stack",
        rows: int,
        gradients: "Stack | None" = None,
        masks: "Tensor | None" = None,
    ) -> Layers:
        from workers.networks.layers.dense import DenseLayers

        return DenseLayers(layout, weights, rows, gradients, masks, skips=self.skips)
