"""A search space as axes. A point of it has one coordinate per axis: an array of shape [axes]."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution

from study.tpe.axis import Axis, Floats, axis_of

Space = Mapping[str, BaseDistribution]


@dataclass(frozen=True)
class Axes:
    """All axes of a space, in its order."""

    names: tuple[str, ...]
    each: tuple[Axis, ...]

    @classmethod
    def of(cls, space: Space) -> "Axes":
        """The axes of a space.

        Raises:
            TypeError: a distribution that is not one of Optuna's three.
        """
        return cls(tuple(space), tuple(axis_of(name, space[name]) for name in space))

    @cached_property
    def size(self) -> int | None:
        """How many configurations there are; None: infinitely many."""
        size = 1
        for axis in self.each:
            if axis.cells is None:
                return None
            size *= axis.cells
        return size

    def point(self, parameters: Mapping[str, Any]) -> Floats | None:
        """The configuration's point; None where a parameter is missing or out of its bounds."""
        if any(name not in parameters for name in self.names):
            return None
        point = self.partial_point(parameters)
        return None if np.isnan(point).any() else point

    def partial_point(self, parameters: Mapping[str, Any]) -> Floats:
        """The point with NaN for every parameter that is missing or out of its bounds."""
        return np.array(
            [
                axis.coordinate(parameters[name]) if name in parameters else math.nan
                for name, axis in zip(self.names, self.each, strict=True)
            ]
        )

    def parameters(self, point: Floats) -> dict[str, Any]:
        """The configuration at a point."""
        coordinates: Sequence[float] = point.tolist()
        return {
            name: axis.value(coordinate)
            for name, axis, coordinate in zip(self.names, self.each, coordinates, strict=True)
        }

    def spread(self, uniform: Floats) -> Floats:
        """Points [n, axes] that are uniform in the space from numbers uniform in [0, 1)."""
        columns = [axis.spread(uniform[:, i]) for i, axis in enumerate(self.each)]
        return np.stack(columns, axis=1) if columns else uniform

    def key(self, point: Floats) -> bytes:
        """What equal configurations, and only they, have in common. The space must be finite."""
        cells = [axis.cell(point[i : i + 1]) for i, axis in enumerate(self.each)]
        return np.concatenate(cells).tobytes() if cells else b""

    def successor(self, point: Floats, free: Sequence[int]) -> Floats:
        """The next configuration, as an odometer counts, on the free axes of a finite space."""
        following = point.copy()
        for i in free:
            axis = self.each[i]
            cell = axis.cell(point[i : i + 1]) + 1
            wraps = int(cell[0]) == axis.cells
            following[i] = axis.centre(np.zeros_like(cell) if wraps else cell)[0]
            if not wraps:
                break
        return following
