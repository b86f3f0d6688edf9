"""Several comparisons at once."""

from collections.abc import Sequence

import numpy as np

from study.analysis.intervals.random_effects import FloatArray


def holm(p_values: Sequence[float] | FloatArray) -> FloatArray:
    """p-values adjusted so that the chance of any false rejection is bounded, in their order.

    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6, 1979. Valid under any dependence. NaN stays NaN and is not counted.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full_like(raw, np.nan)
    known = np.flatnonzero(~np.isnan(raw))
    order = known[np.argsort(raw[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(raw[order] * factors), 1.0)
    return adjusted
