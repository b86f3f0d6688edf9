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
    """What is kept of a split; chance_* is the score of the constant prediction that fits its
    training examples: of a classification, the accuracy of their most frequent class."""

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
    train = _stratified_order(dataset, pool, rng)
    return Split(train, np.sort(validation), np.sort(test), prepare_features(dataset, train))


def refit_split(dataset: Dataset, seed: int, replicate: int) -> Split:
    """The replicate's split with its validation examples among those to train on as well.

    They are in validation still, where they measure nothing any more.
    """
    split = split_dataset(dataset, seed, replicate)
    both = np.union1d(split.train, split.validation)
    rng = random_generator(seed, Purpose.REFIT, replicate)
    train = _stratified_order(dataset, both, rng)
    return Split(train, split.validation, split.test, prepare_features(dataset, train))


def describe_split(dataset: Dataset, seed: int, replicate: int) -> SplitDescription:
    """The sizes, identities and chance accuracies of a replicate's split."""
    split = split_dataset(dataset, seed, replicate)
    task, target = dataset.task, dataset.target
    summary = task.summarize(target[split.train])
    return SplitDescription(
        train_examples=len(split.train),
        validation_index=split.validation,
        test_index=split.test,
        chance_validation_accuracy=task.baseline(summary, target[split.validation]),
        chance_test_accuracy=task.baseline(summary, target[split.test]),
    )


def _divide(
    dataset: Dataset, pool: IntArray, fraction: float, rng: np.random.Generator, field: str
) -> tuple[IntArray, IntArray]:
    """pool as (rest, part), part holding about `fraction` of every stratum."""
    if dataset.groups is not None:
        return _divide_groups(dataset, pool, fraction, rng, field)
    part: list[IntArray] = []
    strata = dataset.task.strata(dataset.target)
    for stratum in range(int(strata.max()) + 1):
        members = rng.permutation(pool[strata[pool] == stratum])
        count = int(np.clip(round(fraction * len(members)), 1, len(members) - 1))
        part.append(members[:count])
    chosen = np.sort(np.concatenate(part))
    return np.setdiff1d(pool, chosen, assume_unique=True), chosen


def _divide_groups(
    dataset: Dataset, pool: IntArray, fraction: float, rng: np.random.Generator, field: str
) -> tuple[IntArray, IntArray]:
    """Whole groups, in random order, to whichever side then keeps the strata best balanced."""
    if dataset.groups is None:
        raise DataError("group", "the data have no groups")
    strata = dataset.task.strata(dataset.target)
    count = int(strata.max()) + 1
    totals = np.bincount(strata[pool], minlength=count)
    groups = rng.permutation(np.unique(dataset.groups[pool]))
    if len(groups) < 2:
        raise DataError("group", f"{len(groups)} group cannot be divided by {field}")
    taken = np.zeros(count)
    chosen: list[int] = []
    for group in groups[: len(groups) - 1]:
        members = pool[dataset.groups[pool] == group]
        after = taken + np.bincount(strata[members], minlength=count)
        if np.abs(after - fraction * totals).sum() < np.abs(taken - fraction * totals).sum():
            taken = after
            chosen.append(int(group))
    inside = np.isin(dataset.groups[pool], chosen)
    rest, part = pool[~inside], pool[inside]
    left = np.bincount(strata[rest], minlength=count)
    if len(part) == 0 or left.min() == 0:
        raise DataError("group", f"no division of the groups by {field} leaves every class in both")
    return rest, part


def _stratified_order(dataset: Dataset, pool: IntArray, rng: np.random.Generator) -> IntArray:
    """pool shuffled so that the strata are spread evenly over the order."""
    strata = dataset.task.strata(dataset.target)
    keys = np.empty(len(pool))
    order = rng.permutation(len(pool))
    for stratum in np.unique(strata[pool]):
        places = order[strata[pool[order]] == stratum]
        keys[places] = (np.arange(len(places)) + rng.random()) / len(places)
    return pool[np.argsort(keys, kind="stable")]


@lru_cache(maxsize=16)
def cached_split(dataset: Dataset, seed: int, replicate: int, *, refit: bool = False) -> Split:
    """split_dataset or refit_split, remembered: a worker trains many segments of one study."""
    return (refit_split if refit else split_dataset)(dataset, seed, replicate)
