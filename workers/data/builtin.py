"""Data sets that need no file: scikit-learn's small ones, truth tables, and generators."""

import difflib
import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from workers.data.dataset import Dataset, FloatArray, IntArray, Side, build_dataset
from workers.data.source import DataError, DataSource

GENERATED_POOL = 400  # examples to divide into train and validation
GENERATED_TEST = 2_000  # fresh examples: the test accuracy is exact to about one point
LARGEST_PARITY = 12

BUILTIN_NAMES = (
    "digits",
    "breast_cancer",
    "wine",
    "iris",
    "xor",
    "parity",
    "noisy_xor",
    "moons",
    "circles",
    "spirals",
    "noisy",
)


def load_builtin(source: DataSource) -> Dataset:
    """The built-in data set that source names; `parity:N` has N bits. DataError if unknown."""
    name, _, argument = source.source.partition(":")
    if name not in BUILTIN_NAMES or (argument and name != "parity"):
        nearest = difflib.get_close_matches(name, BUILTIN_NAMES, n=1, cutoff=0.0)
        raise DataError(
            "source",
            f"there is no built-in data set {source.source!r}; the nearest is {nearest[0]!r}. "
            "A file ends in .csv, .parquet or .npz, and OpenML's are openml:ID",
        )
    if name in ("xor", "parity"):
        return _truth_table(source, _bits(name, argument))
    if name in _GENERATORS:
        numeric, target, pool = _GENERATORS[name]()
        side = np.full(len(target), int(Side.TEST), np.int64)
        side[:pool] = int(Side.POOL)
        names = [f"x{i}" for i in range(numeric.shape[1])]
        return build_dataset(
            source=source, name=name, numeric=numeric, target=target, names=names, side=side
        )
    return _from_sklearn(source, name)


def _bits(name: str, argument: str) -> int:
    if name == "xor":
        return 2
    if not argument:
        return 3
    if not argument.isdecimal() or not 2 <= int(argument) <= LARGEST_PARITY:
        raise DataError(
            "source", f"parity:{argument} must be parity:N with N from 2 to {LARGEST_PARITY}"
        )
    return int(argument)


def _truth_table(source: DataSource, bits: int) -> Dataset:
    """Every combination of bits once, and whether an odd number of them is set."""
    rows = np.arange(2**bits)
    table = (rows[:, None] >> np.arange(bits)[::-1]) & 1  # [2^bits, bits]
    return build_dataset(
        source=source,
        name=source.source,
        numeric=table.astype(np.float64),
        target=table.sum(axis=1) % 2,
        names=[f"bit{i}" for i in range(bits)],
        is_truth_table=True,
    )


def _from_sklearn(source: DataSource, name: str) -> Dataset:
    from sklearn import datasets

    loaders = {
        "digits": datasets.load_digits,
        "breast_cancer": datasets.load_breast_cancer,
        "wine": datasets.load_wine,
        "iris": datasets.load_iris,
    }
    bunch = loaders[name]()
    labels = np.asarray([str(label) for label in bunch.target_names])
    return build_dataset(
        source=source,
        name=name,
        numeric=np.asarray(bunch.data, dtype=np.float64),
        target=labels[np.asarray(bunch.target)],
        names=[str(column) for column in bunch.feature_names],
    )


Generated: TypeAlias = tuple[FloatArray, IntArray, int]  # features, labels, how many are not test


def _noisy_xor() -> Generated:
    """Four Gaussian clouds on the corners of a square; opposite corners share a class."""
    rng = np.random.default_rng(20_001)
    corners = rng.integers(0, 2, (GENERATED_POOL + GENERATED_TEST, 2))
    points = 2.0 * corners - 1.0 + rng.normal(0.0, 0.6, corners.shape)
    return points, corners.sum(axis=1) % 2, GENERATED_POOL


def _moons() -> Generated:
    from sklearn.datasets import make_moons

    points, labels = make_moons(GENERATED_POOL + GENERATED_TEST, noise=0.3, random_state=0)
    return np.asarray(points), np.asarray(labels), GENERATED_POOL


def _circles() -> Generated:
    from sklearn.datasets import make_circles

    points, labels = make_circles(
        GENERATED_POOL + GENERATED_TEST, noise=0.15, factor=0.5, random_state=0
    )
    return np.asarray(points), np.asarray(labels), GENERATED_POOL


def _spirals() -> Generated:
    """Two interleaved arms of one and a half turns."""
    rng = np.random.default_rng(20_002)
    count = GENERATED_POOL + GENERATED_TEST
    labels = rng.integers(0, 2, count)
    radius = np.sqrt(rng.uniform(0.02, 1.0, count))
    angle = 3.0 * math.pi * radius + math.pi * labels
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points + rng.normal(0.0, 0.05, points.shape), labels, GENERATED_POOL


def _noisy() -> Generated:
    """Many useless features and flipped labels: the data set on which networks overfit most."""
    from sklearn.datasets import make_classification

    pool = 600
    features, labels = make_classification(
        pool + GENERATED_TEST,
        40,
        n_informative=5,
        n_redundant=5,
        flip_y=0.1,
        class_sep=0.8,
        random_state=0,
    )
    return np.asarray(features), np.asarray(labels), pool


_GENERATORS: dict[str, Callable[[], Generated]] = {
    "noisy_xor": _noisy_xor,
    "moons": _moons,
    "circles": _circles,
    "spirals": _spirals,
    "noisy": _noisy,
}
