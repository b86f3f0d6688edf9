"""Features as networks read them, fitted on a training split and on nothing else."""

import numpy as np
import numpy.typing as npt

from workers.data.dataset import Dataset, FloatArray, IntArray


def prepare_features(dataset: Dataset, train: IntArray) -> npt.NDArray[np.float64]:
    """Standardized numbers, indicators of missing ones and one-hot categories: [N, features].

    Every replicate gets the same columns, so that its networks have equal shapes; a category that
    the training examples do not show is a column of zeros. A truth table is left as it is.
    """
    if dataset.is_truth_table:
        return dataset.numeric
    missing = np.isnan(dataset.numeric)
    indicators = missing[:, missing.any(axis=0)].astype(np.float64)
    numbers = _standardize(_impute(dataset.numeric, missing, train), train)
    categories = [
        _one_hot(dataset.categorical[:, position], len(levels), train)
        for position, levels in enumerate(dataset.levels)
    ]
    return np.concatenate([numbers, indicators, *categories], axis=1)


def _impute(numeric: FloatArray, missing: npt.NDArray[np.bool_], train: IntArray) -> FloatArray:
    """Missing values become the column's mean over the training examples that have one."""
    if not missing.any():
        return numeric
    present = ~missing[train]
    total = np.where(present, numeric[train], 0.0).sum(axis=0)
    means = total / np.maximum(present.sum(axis=0), 1)
    return np.where(missing, means, numeric)


def _standardize(numeric: FloatArray, train: IntArray) -> FloatArray:
    """Mean 0 and deviation 1 over the training examples; a constant column becomes 0 on them."""
    mean = numeric[train].mean(axis=0)
    deviation = numeric[train].std(axis=0)
    deviation[deviation < 1e-12 * np.maximum(np.abs(mean), 1.0)] = 1.0
    standardized: FloatArray = (numeric - mean) / deviation
    return standardized


def _one_hot(codes: IntArray, levels: int, train: IntArray) -> FloatArray:
    shown = np.zeros(levels, bool)
    shown[codes[train][codes[train] >= 0]] = True
    hot = codes[:, None] == np.arange(levels)[None, :]  # [N, levels]; −1 matches none
    result: FloatArray = (hot & shown).astype(np.float64)
    return result
