"""What the file of a topology has to say: its wiring, and the layers that compute it."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

from workers.networks.wiring import Wiring

if TYPE_CHECKING:
    from torch import Tensor

    from workers.networks.layers.layout import SliceLayout
    from workers.networks.parameters import Stack


class Layers(Protocol):
    """Forward and backward passes of a program's networks over a fixed number of rows."""

    logits: "Tensor"
    d_logits: "Tensor"

    def gather(self, examples: "Tensor", rows: "Tensor") -> None: ...
    def forward(self, *, dropout: bool = False) -> None: ...
    def backward(self, *, dropout: bool = False) -> None: ...
    def activations(self, layer: int) -> list[tuple[int, list["Tensor"]]]: ...


class NetworkTopology(Wiring, ABC):
    """A topology: the matrices of its networks, how they read features, and their layers."""

    def arrange(self, features: "Tensor", inputs: int) -> "Tensor":
        """Features [N, padded inputs] as layers gather them, [N, ·]; `inputs` of them are real."""
        return features

    @abstractmethod
    def layers(
        self,
        layout: "SliceLayout",
        weights: "Stack",
        rows: int,
        gradients: "Stack | None" = None,
        masks: "Tensor | None" = None,
    ) -> Layers:
        """Layers over so many rows; with gradients, those that a backward pass needs as well."""
