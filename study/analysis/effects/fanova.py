"""fANOVA: how much of a quantity's variance each hyperparameter explains by itself.

Hutter, Hoos and Leyton-Brown, An efficient approach for assessing hyperparameter importance, ICML
2014: a forest predicts the quantity all over the search space; its trees are constant on boxes, so
that each tree's mean over all other hyperparameters, and the variance of that, are exact sums.
The forest is scikit-learn's; Optuna's evaluator gives the same shares in thirty times the time.
"""

import warnings
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from study.analysis.intervals.random_effects import FloatArray

TREES = 32
SMALLEST_LEAF = 3  # smaller ones explain the noise


def variance_shares(
    points: FloatArray, values: FloatArray, seed: int = 0
) -> tuple[FloatArray, float]:
    """For points [T, D] in the unit cube and values [T], the share of each dimension [D], and R² of
    the forest.

    The shares sum to less than 1: the rest is what only combinations explain. They are shares of
    what the forest says, whether it is so or not. R² is out of bag (Breiman, Random forests,
    Machine Learning 45, 2001): each trial is predicted by the trees that did not see it, so it is
    about 0 or negative where there was only noise to fit.
    """
    forest = RandomForestRegressor(
        n_estimators=TREES,
        min_samples_leaf=SMALLEST_LEAF,
        random_state=seed,
        n_jobs=1,
        oob_score=True,
    )
    with warnings.catch_warnings():
        # Of few trials one may be in every tree's sample: it then counts as predicted by 0.
        warnings.simplefilter("ignore", UserWarning)
        forest.fit(points, values)
    r_squared = float(forest.oob_score_)
    shares = [_shares_of_tree(tree.tree_, points.shape[1]) for tree in forest.estimators_]
    known = [share for share in shares if share is not None]
    if not known:
        return np.zeros(points.shape[1]), r_squared
    return np.asarray(np.mean(known, axis=0)), r_squared


def _shares_of_tree(tree: Any, dimensions: int) -> FloatArray | None:
    """None for a tree that predicts one value everywhere."""
    low, high, values = _boxes(tree, dimensions)
    sides = high - low  # [leaves, D]
    volumes = sides.prod(axis=1)
    mean = float(volumes @ values)
    total = float(volumes @ (values - mean) ** 2)
    if total <= 0.0:
        return None
    weighted = values * volumes
    return np.array(
        [
            _marginal_variance(low[:, d], high[:, d], weighted / sides[:, d], mean) / total
            for d in range(dimensions)
        ]
    )


def _boxes(tree: Any, dimensions: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Each leaf's box [leaves, D], low and high, and its value [leaves]."""
    low = np.zeros((tree.node_count, dimensions))
    high = np.ones((tree.node_count, dimensions))
    # A node comes before its children, so one pass hands every box down.
    for node in range(tree.node_count):
        left, right = tree.children_left[node], tree.children_right[node]
        if left < 0:
            continue
        feature, threshold = tree.feature[node], tree.threshold[node]
        for child in (left, right):
            low[child], high[child] = low[node], high[node]
        high[left, feature] = low[right, feature] = threshold
    leaves = tree.children_left < 0
    return low[leaves], high[leaves], tree.value[leaves, 0, 0]


def _marginal_variance(
    low: FloatArray, high: FloatArray, heights: FloatArray, mean: float
) -> float:
    """The variance over one axis of the sum of the heights of the leaves that cover a point."""
    edges = np.unique(np.concatenate([low, high]))
    steps = np.zeros(len(edges))
    np.add.at(steps, np.searchsorted(edges, low), heights)
    np.subtract.at(steps, np.searchsorted(edges, high), heights)
    marginal = np.cumsum(steps)[:-1]
    return float(np.diff(edges) @ (marginal - mean) ** 2)
