"""A search space as axes: the coordinates in which Parzen kernels measure how near trials are.

A number's coordinate lies in [0, 1], linear or logarithmic as its distribution is. One of finitely
many numbers owns a cell of that interval and has the cell's centre as its coordinate. A choice's
coordinate is its index. A point has one coordinate per axis: an array of shape [axes].
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from study.specification.levels import Space, level_at, level_count

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class CategoricalAxis:
    """Levels without an order."""

    distribution: CategoricalDistribution

    @property
    def cells(self) -> int:
        """The number of levels."""
        return len(self.distribution.choices)

    def coordinate(self, value: Any) -> float:
        """The level's index, NaN where it is none of the levels."""
        try:
            return float(self.distribution.to_internal_repr(value))
        except ValueError:
            return math.nan

    def value(self, coordinate: float) -> Any:
        """The level with this index."""
        return self.distribution.choices[int(coordinate)]

    def cell(self, coordinates: Floats) -> Integers:
        """The indices as whole numbers."""
        return coordinates.astype(np.int64)

    def centre(self, cell: Integers) -> Floats:
        """The coordinates of levels: their indices."""
        return cell.astype(np.float64)

    def from_uniform(self, uniform: Floats) -> Floats:
        """Uniform numbers of [0, 1) as coordinates, every level equally likely."""
        return np.minimum(np.floor(uniform * self.cells), self.cells - 1)


@dataclass(frozen=True)
class NumericAxis:
    """Numbers from low to high."""

    distribution: FloatDistribution | IntDistribution

    @cached_property
    def cells(self) -> int | None:
        """How many numbers there are; None: a continuum."""
        return level_count(self.distribution)

    @cached_property
    def _ends(self) -> tuple[float, float]:
        """What the coordinates 0 and 1 stand for: the outer edges of the first and last cell."""
        low, high = float(self.distribution.low), float(self.distribution.high)
        margin = (self.distribution.step or 0) / 2
        if self.distribution.log:
            return math.log(low - margin), math.log(high + margin)
        return low - margin, high + margin

    def coordinate(self, value: Any) -> float:
        """Where the number lies, NaN where it is outside or no number."""
        if not isinstance(value, int | float):
            return math.nan
        if not self.distribution.low <= value <= self.distribution.high:
            return math.nan
        start, end = self._ends
        if start == end:  # two floats that lie so near each other have one logarithm
            return 0.5
        at = math.log(value) if self.distribution.log else float(value)
        return float(self.from_uniform(np.array([(at - start) / (end - start)]))[0])

    def value(self, coordinate: float) -> Any:
        """The number at a coordinate."""
        if self.cells is not None:
            return level_at(self.distribution, int(self.cell(np.array([coordinate]))[0]))
        low, high = self.distribution.low, self.distribution.high
        start, end = self._ends
        at = start + coordinate * (end - start)
        return min(max(math.exp(at) if self.distribution.log else at, low), high)

    def cell(self, coordinates: Floats) -> Integers:
        """The index of the cell that each coordinate lies in."""
        if self.cells is None:
            raise TypeError("a continuum has no cells")
        if self.distribution.log and self.cells > 1:
            start, end = self._ends
            found = np.rint(np.exp(start + coordinates * (end - start))) - self.distribution.low
        else:
            found = np.floor(coordinates * self.cells)
        indices: Integers = np.clip(found, 0, self.cells - 1).astype(np.int64)
        return indices

    def edges(self, cell: Integers) -> tuple[Floats, Floats]:
        """The coordinates at which cells begin and end."""
        index = cell.astype(np.float64)
        return self._edge(index - 0.5), self._edge(index + 0.5)

    def centre(self, cell: Integers) -> Floats:
        """The coordinates of cells' numbers."""
        return self._edge(cell.astype(np.float64))

    def from_uniform(self, uniform: Floats) -> Floats:
        """Numbers of [0, 1] as coordinates: the centre of the cell that each lies in."""
        return uniform if self.cells is None else self.centre(self.cell(uniform))

    def _edge(self, index: Floats) -> Floats:
        """The coordinate of a cell's centre; of the edges half an index before and after."""
        if self.distribution.log and self.cells != 1:
            start, end = self._ends
            coordinates: Floats = (np.log(self.distribution.low + index) - start) / (end - start)
            return coordinates
        return (index + 0.5) / float(self.cells or 1)


Axis = CategoricalAxis | NumericAxis


def axis_of(name: str, distribution: BaseDistribution) -> Axis:
    """The axis of a parameter.

    Raises:
        TypeError: a distribution that is not one of Optuna's three.
    """
    if isinstance(distribution, CategoricalDistribution):
        return CategoricalAxis(distribution)
    if isinstance(distribution, FloatDistribution | IntDistribution):
        return NumericAxis(distribution)
    raise TypeError(f"{name}: no axis for {type(distribution).__name__}")


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

    def from_uniform(self, uniform: Floats) -> Floats:
        """Points [n, axes] that are uniform in the space from numbers uniform in [0, 1)."""
        columns = [axis.from_uniform(uniform[:, i]) for i, axis in enumerate(self.each)]
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
