"""Train, validation and test examples of a replicate.

The test set is fixed for a study; train and validation are drawn anew for each replicate from a
stream of their own, so that every trial of the study sees the same splits.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from workers.data.dataset import Dataset, FloatArray, IntArray, Side
from workers.data.preprocessing import prepare_features
from workers.data.source import DataError
from workers.seeds import Purpose, random_generator


@dataclass(frozen=True, eq=False)
class Split:
    """A replicate's examples: indices into the data set, and features fitted on train.

    train is ordered so that each prefix is as stratified as its length allows; validation and
    test are ascending. features is [N, F].
    """

    train: IntArray
    validation: IntArray
    test: IntArray
    features: FloatArray


@dataclass(frozen=True, eq=False)
class SplitDescription:
    """What is kept of a split; chance_* is the accuracy of always saying the most frequent
    training class."""

    train_examples: int
    validation_index: IntArray
    test_index: IntArray
    chance_validation_accuracy: float
    chance_test_accuracy: float


def split_dataset(dataset: Dataset, seed: int, replicate: int) -> Split:
    """The replicate's split and its prepared features; DataError if groups cannot be divided."""
    if dataset.is_truth_table:
        everything = np.arange(dataset.examples)
        return Split(everything, everything, everything, prepare_features(dataset, everything))
    pool = np.flatnonzero(dataset.side == Side.POOL)
    test = np.flatnonzero(dataset.side == Side.TEST)
    if len(test) == 0:
        rng = random_generator(seed, Purpose.TEST_SPLIT)
        pool, test = _divide(dataset, pool, dataset.test_fraction, rng, "test_fraction")
    rng = random_generator(seed, Purpose.SPLIT, replicate)
    validation = np.flatnonzero(dataset.side == Side.VALIDATION)
    if len(validation) == 0:
        pool, validation = _divide(
            dataset, pool, dataset.validation_fraction, rng, "validation_fraction"
        )
    train = _stratified_order(dataset.target, pool, rng)
    return Split(train, np.sort(validation), np.sort(test), prepare_features(dataset, train))


def refit_split(dataset: Dataset, seed: int, replicate: int) -> Split:
    """The replicate's split with its validation examples among those to train on as well.

    They are in validation still, where they measure nothing any more.
    """
    split = split_dataset(dataset, seed, replicate)
    both = np.union1d(split.train, split.validation)
    rng = random_generator(seed, Purpose.REFIT, replicate)
    train = _stratified_order(dataset.target, both, rng)
    return Split(train, split.validation, split.test, prepare_features(dataset, train))


def describe_split(dataset: Dataset, seed: int, replicate: int) -> SplitDescription:
    """The sizes, identities and chance accuracies of a replicate's split."""
    split = split_dataset(dataset, seed, replicate)
    counts = np.bincount(dataset.target[split.train], minlength=len(dataset.classes))
    frequent = int(counts.argmax())
    return SplitDescription(
        train_examples=len(split.train),
        validation_index=split.validation,
        test_index=split.test,
        chance_validation_accuracy=float((dataset.target[split.validation] == frequent).mean()),
        chance_test_accuracy=float((dataset.target[split.test] == frequent).mean()),
    )


def _divide(
    dataset: Dataset, pool: IntArray, fraction: float, rng: np.random.Generator, field: str
) -> tuple[IntArray, IntArray]:
    """pool as (rest, part), part holding about `fraction` of every class."""
    if dataset.groups is not None:
        return _divide_groups(dataset, pool, fraction, rng, field)
    part: list[IntArray] = []
    for label in range(len(dataset.classes)):
        members = rng.permutation(pool[dataset.target[pool] == label])
        count = int(np.clip(round(fraction * len(members)), 1, len(members) - 1))
        part.append(members[:count])
    chosen = np.sort(np.concatenate(part))
    return np.setdiff1d(pool, chosen, assume_unique=True), chosen


def _divide_groups(
    dataset: Dataset, pool: IntArray, fraction: float, rng: np.random.Generator, field: str
) -> tuple[IntArray, IntArray]:
    """Whole groups, in random order, to whichever side then keeps the classes best balanced."""
    if dataset.groups is None:
        raise DataError("group", "the data have no groups")
    classes = len(dataset.classes)
    totals = np.bincount(dataset.target[pool], minlength=classes)
    groups = rng.permutation(np.unique(dataset.groups[pool]))
    if len(groups) < 2:
        raise DataError("group", f"{len(groups)} group cannot be divided by {field}")
    taken = np.zeros(classes)
    chosen: list[int] = []
    for group in groups[: len(groups) - 1]:
        members = pool[dataset.groups[pool] == group]
        after = taken + np.bincount(dataset.target[members], minlength=classes)
        if np.abs(after - fraction * totals).sum() < np.abs(taken - fraction * totals).sum():
            taken = after
            chosen.append(int(group))
    inside = np.isin(dataset.groups[pool], chosen)
    rest, part = pool[~inside], pool[inside]
    left = np.bincount(dataset.target[rest], minlength=classes)
    if len(part) == 0 or left.min() == 0:
        raise DataError("group", f"no division of the groups by {field} leaves every class in both")
    return rest, part


def _stratified_order(target: IntArray, pool: IntArray, rng: np.random.Generator) -> IntArray:
    """pool shuffled so that the classes are spread evenly over the order."""
    keys = np.empty(len(pool))
    order = rng.permutation(len(pool))
    for label in np.unique(target[pool]):
        places = order[target[pool[order]] == label]
        keys[places] = (np.arange(len(places)) + rng.random()) / len(places)
    return pool[np.argsort(keys, kind="stable")]


@lru_cache(maxsize=16)
def cached_split(dataset: Dataset, seed: int, replicate: int, *, refit: bool = False) -> Split:
    """split_dataset or refit_split, remembered: a worker trains many segments of one study."""
    return (refit_split if refit else split_dataset)(dataset, seed, replicate)
