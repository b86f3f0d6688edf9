"""Residual (He et al. 2016): what a hidden layer reads is added to its activations.

From the second layer on, where both have the same width.
"""

from workers.networks.topologies.feedforward import Feedforward


class Residual(Feedforward):
    """A feedforward network with skip connections."""

    skips = True
