"""Examples that come in groups, such as the visits of a patient: the group is the unit of chance.

Examples of a group are right or wrong together, so N of them say less than N independent ones.
The groups are what was drawn at random, and the accuracy over all examples is a ratio of two sums
over groups, of right answers and of examples. Its variance is that of the linearized ratio
(Cochran, Sampling Techniques, 1977, section 6.3): that of the mean of a value per group, which
`by_group` makes. With it in place of the examples every formula for crossed replicates and
examples holds unchanged, with G groups in place of N examples.
"""

from typing import TYPE_CHECKING

import numpy as np

from study.analysis.intervals.random_effects import BoolArray, FloatArray

if TYPE_CHECKING:
    from study.analysis.intervals.correctness import IntArray


def by_group(values: BoolArray | FloatArray, groups: "IntArray | None") -> BoolArray | FloatArray:
    """A value per independent unit: of values [..., N] of examples in groups [N], [..., G] of G.

    The value of a group of n_g examples with mean y_g is m + (G / N) n_g (y_g − m), where m is the
    mean of all: the mean over groups is m again, and their spread is that of whole groups. A sum or
    difference of values gives the sum or difference of these. groups are any codes, in the order of
    the examples; None: examples are independent, and values come back as they are.
    """
    if groups is None:
        return values
    _, places, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    table = np.asarray(values, dtype=np.float64)
    mean = table.mean(axis=-1, keepdims=True)
    order = np.argsort(places, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    sums = np.add.reduceat(table[..., order], starts, axis=-1)
    return np.asarray(mean + len(sizes) / table.shape[-1] * (sums - sizes * mean))
