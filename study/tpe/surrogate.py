"""The two densities of a tree-structured Parzen estimator: of good trials and of all others."""

import math

import numpy as np

from study.tpe.history import Observations
from study.tpe.parzen import Mixture, estimate, neighbour_widths, scott_widths

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
