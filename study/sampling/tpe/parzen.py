"""Parzen estimators: densities that are mixtures of one kernel per trial, and a prior.

After Bergstra et al. 2011 ("Algorithms for Hyper-Parameter Optimization"); Watanabe 2023
("Tree-Structured Parzen Estimator: Understanding Its Algorithm Components and Their Roles for
Better Empirical Performance") compares the parts.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from study.sampling.tpe.axes import Axes, CategoricalAxis, Floats
from study.sampling.tpe.history import Observations
from study.sampling.tpe.kernels import NARROWEST, EvaluationPoints, Kernels

# Centres [n] on an axis and the number of axes → widths [n].
WidthRule = Callable[[Floats, int], Floats]


@dataclass(frozen=True)
class Mixture:
    """A density: kernels and their weights [kernels], which need not sum to 1."""

    kernels: Kernels
    weights: Floats

    @property
    def typical_width(self) -> Floats:
        """The median width [axes] of the kernels; the prior's where it is alone."""
        widths = self.kernels.widths
        typical: Floats = np.median(widths[:-1] if len(widths) > 1 else widths, axis=0)
        return typical

    def draw(self, count: int, rng: Generator) -> Floats:
        """Points [count, axes] of this density."""
        shares = np.cumsum(self.weights)
        chosen = np.searchsorted(shares, rng.random(count) * shares[-1], side="right")
        return self.kernels.draw(np.minimum(chosen, len(shares) - 1), rng)

    def log_density(self, points: EvaluationPoints) -> Floats:
        """log of Σ weight × kernel at every point, not divided by the sum of the weights."""
        logs = self.kernels.log_densities(points)
        logs += np.log(self.weights)
        largest = logs.max(axis=1)
        logs -= largest[:, None]
        total: Floats = largest + np.log(np.exp(logs, out=logs).sum(axis=1))
        return total


def estimate(axes: Axes, points: Floats, weights: Floats, widths_of: WidthRule) -> Mixture:
    """The estimator of the density that points [n, axes] with weights [n] are drawn from.

    The last kernel is the prior: as wide as the space, with the weight of one trial, so that no
    region is ever ruled out.
    """
    count, dimensions = points.shape
    centres = np.concatenate([points, np.empty((1, dimensions))])
    widths = np.ones_like(centres)
    for i, axis in enumerate(axes.each):
        if isinstance(axis, CategoricalAxis):
            centres[count, i] = -1  # no level of its own
            # As if every level had been seen 1 / (n + 1) times more.
            extra = axis.cells / (count + 1)
            widths[:count, i] = extra / (1 + extra)
        else:
            centres[count, i] = 0.5
            widths[:count, i] = np.clip(widths_of(points[:, i], dimensions), NARROWEST, 1)
    return Mixture(Kernels(axes, centres, widths), np.append(weights, 1.0))


def neighbour_widths(centres: Floats, dimensions: int) -> Floats:
    """Each kernel's width is the distance to the farther of its neighbours on the axis, and none
    is narrow while there are few (Bergstra et al. 2011): it follows where points crowd."""
    count = len(centres)
    order = np.argsort(centres, kind="stable")
    gaps = np.diff(np.concatenate([[0.0], centres[order], [1.0]]))
    farther = np.maximum(gaps[:-1], gaps[1:])
    if count > 1:  # the ends of the interval are no neighbours
        farther[0], farther[-1] = gaps[1], gaps[-2]
    widths = np.empty(count)
    widths[order] = np.maximum(farther, 1 / (2 + count))
    return widths


def scott_widths(centres: Floats, dimensions: int) -> Floats:
    """All kernels have a quarter of σ n^(−1 / (dimensions + 4)) (Scott 1992, Multivariate Density
    Estimation): a density that is smooth between the points.

    A quarter, because Scott's rule fits one normal distribution, and what a search leaves behind
    has many modes: the whole width was measured to find their bottoms later.
    """
    count = len(centres)
    spread = max(float(centres.std()), 0.05) if count else 1.0
    return np.full(count, 0.25 * spread * max(count, 1) ** (-1 / (dimensions + 4)))


MOST_GOOD = 25
# Kernels in the others' density for finished and for running trials each. What an ask costs grows
# with them; a few hundred fill the space as well as all of ten thousand, of which each would get
# a smaller share.
MOST_FINISHED = 256
MOST_RUNNING = 128


def fit(observations: Observations) -> tuple[Mixture, Mixture]:
    """The density of the good trials and the density of the others, running ones among them.

    Good is the best tenth of what is complete or pruned, at most 25, as in Optuna. A running
    trial counts as bad until it is known: the constant liar of Ginsbourger et al. 2010.

    Good trials crowd, and their kernels are as narrow as the crowd. The others' are wide: if g
    were narrow too, every gap between two bad trials would look like new ground, and l / g
    would say little more than l.
    """
    axes = observations.axes
    count = min(math.ceil(0.1 * observations.scored), MOST_GOOD)
    good = observations.good(count)
    finished, weights = observations.others(count, MOST_FINISHED)
    running, shares = observations.running(MOST_RUNNING)
    others = np.concatenate([finished, running])
    return (
        estimate(axes, good, np.ones(len(good)), neighbour_widths),
        estimate(axes, others, np.concatenate([weights, shares]), scott_widths),
    )
