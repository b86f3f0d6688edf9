"""Product kernels: one per trial, over all axes at once, as in BOHB (Falkner, Klein and Hutter
2018), so that it also says which values go together."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr, ndtri

from study.sampling.tpe.axes import Axes, Axis, CategoricalAxis, Floats, Integers

NARROWEST = 0.01  # of all kernels' widths
_TINY = 1e-300  # instead of 0 before a logarithm


@dataclass(frozen=True)
class EvaluationPoints:
    """Points [n, axes], laid out for evaluating kernels there.

    On a smooth axis a point is its coordinate; on the others it is in one of few cells: the cells
    that occur, and for every point which of these it is in.
    """

    smooth_axes: list[int]
    coordinates: Floats
    cells: dict[int, tuple[Integers, Integers]]

    @classmethod
    def of(cls, points: Floats, axes: Axes) -> "EvaluationPoints":
        """Lay out points."""
        smooth = [i for i, axis in enumerate(axes.each) if _is_smooth(axis)]
        cells = {}
        for i, axis in enumerate(axes.each):
            if i not in smooth:
                found, where = np.unique(axis.cell(points[:, i]), return_inverse=True)
                cells[i] = found, where
        return cls(smooth, points[:, smooth], cells)

    def __getitem__(self, rows: slice) -> "EvaluationPoints":
        cells = {i: (found, where[rows]) for i, (found, where) in self.cells.items()}
        return EvaluationPoints(self.smooth_axes, self.coordinates[rows], cells)


@dataclass(frozen=True)
class Kernels:
    """Product kernels on the axes of a space.

    centres and widths have shape [kernels, axes]. On an interval a kernel is a Gaussian truncated
    to [0, 1], width its standard deviation; over cells it gives each the mass within its edges.
    On a choice it gives the centre's level 1 − width beside an equal share of width for every
    level (Aitchison and Aitken 1976), so width 1 is the uniform distribution.
    """

    axes: Axes
    centres: Floats
    widths: Floats

    def draw(self, chosen: Integers, rng: Generator) -> Floats:
        """One point [len(chosen), axes] from each of the chosen kernels."""
        centres, widths = self.centres[chosen], self.widths[chosen]
        uniform = rng.random((2, *centres.shape))
        points = np.empty_like(centres)
        for i, axis in enumerate(self.axes.each):
            if isinstance(axis, CategoricalAxis):
                anywhere = axis.from_uniform(uniform[0, :, i])
                points[:, i] = np.where(uniform[1, :, i] < widths[:, i], anywhere, centres[:, i])
            else:
                below, above = _tails(centres[:, i], widths[:, i])
                quantile = ndtri(below + uniform[0, :, i] * (above - below))
                points[:, i] = axis.from_uniform(
                    np.clip(centres[:, i] + widths[:, i] * quantile, 0, 1)
                )
        return points

    def log_densities(self, points: EvaluationPoints) -> Floats:
        """log of every kernel's density at every point: [points, kernels]."""
        total = self._gaussians(points)
        for i, (cells, where) in points.cells.items():
            total += self._masses(i, cells)[where]
        return total

    def _gaussians(self, points: EvaluationPoints) -> Floats:
        axes, at = points.smooth_axes, points.coordinates
        centres, widths = self.centres[:, axes], self.widths[:, axes]
        below, above = _tails(centres, widths)
        normalizer = np.log(widths * np.sqrt(2 * np.pi) * (above - below)).sum(axis=1)
        # (x − µ)² / σ², multiplied out: two matrix products instead of a cube of differences.
        precision = widths**-2
        exponents: Floats = at @ (precision * centres).T
        exponents -= (0.5 * at**2) @ precision.T
        exponents -= 0.5 * (precision * centres**2).sum(axis=1) + normalizer
        return exponents

    def _masses(self, i: int, cells: Integers) -> Floats:
        """log of every kernel's mass on some cells of an axis: [cells, kernels]."""
        axis, centres, widths = self.axes.each[i], self.centres[:, i], self.widths[:, i]
        if isinstance(axis, CategoricalAxis):
            mass = widths / axis.cells + (1 - widths) * (cells[:, None] == centres)
        else:
            start, end = axis.edges(cells)
            below, above = _tails(centres, widths)
            mass = ndtr((end[:, None] - centres) / widths)
            mass -= ndtr((start[:, None] - centres) / widths)
            mass /= above - below
        logs: Floats = np.log(np.maximum(mass, _TINY))
        return logs


def _tails(centres: Floats, widths: Floats) -> tuple[Floats, Floats]:
    """The mass of each untruncated kernel below 0 and below 1."""
    return ndtr(-centres / widths), ndtr((1 - centres) / widths)


def _is_smooth(axis: Axis) -> bool:
    """Whether no cell is wider than the narrowest kernel, so that a density is as good as its
    integral over the cell."""
    if isinstance(axis, CategoricalAxis):
        return False
    if axis.cells is None:
        return True
    # The first cell is the widest, on a logarithmic axis too.
    start, end = axis.edges(np.zeros(1, dtype=np.int64))
    return bool(end[0] - start[0] <= NARROWEST)
