"""Train, validation and test examples of a replicate.

The test set is fixed for a study; train and validation are drawn anew for each replicate from a
stream of their own, so that every trial of the study sees the same splits.
"""

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from workers.data.dataset import Dataset, FloatArray, IntArray, Side
from workers.data.preprocessing import prepare_features
from workers.data.source import DataError
from workers.seeds import Purpose, random_generator

BoolArray: TypeAlias = npt.NDArray[np.bool_]


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
    training examples: of a classification, the accuracy of their most frequent class.

    *_classes are the numbers of examples of each class on a side, of train with the labels trained
    on; None where the task has no classes. groups is the number of groups in all the data, *_groups
    the groups of the validation and test examples; None where examples are independent. test_copies
    says of every test example whether an example of train has the same features.
    """

    train_examples: int
    validation_index: IntArray
    test_index: IntArray
    chance_validation_accuracy: float
    chance_test_accuracy: float
    train_classes: tuple[int, ...] | None
    validation_classes: tuple[int, ...] | None
    test_classes: tuple[int, ...] | None
    groups: int | None
    validation_groups: IntArray | None
    test_groups: IntArray | None
    test_copies: BoolArray


def split_dataset(dataset: Dataset, seed: int, replicate: int) -> Split:
    """The replicate's split and its prepared features; DataError if groups cannot be divided."""
    if dataset.is_truth_table:
        everything = np.arange(dataset.examples)
        return Split(everything, everything, everything, prepare_features(dataset, everything))
    strata, groups = dataset.task.strata(dataset.target), dataset.groups
    pool = np.flatnonzero(dataset.side == Side.POOL)
    test = np.flatnonzero(dataset.side == Side.TEST)
    if len(test) == 0:
        rng = random_generator(seed, Purpose.TEST_SPLIT)
        pool, test = _divide(strata, groups, pool, dataset.test_fraction, rng, "test_fraction")
    rng = random_generator(seed, Purpose.SPLIT, replicate)
    validation = np.flatnonzero(dataset.side == Side.VALIDATION)
    if len(validation) == 0:
        pool, validation = _divide(
            strata, groups, pool, dataset.validation_fraction, rng, "validation_fraction"
        )
    train = _stratified_order(dataset, pool, rng)
    return Split(train, np.sort(validation), np.sort(test), prepare_features(dataset, train))


def drawn_for_test(
    strata: IntArray, groups: IntArray | None, side: IntArray, fraction: float, seed: int
) -> BoolArray:
    """The examples [N] of the pool that split_dataset draws for testing: none where the source says
    which they are.

    Raises:
        DataError: the groups cannot be divided.
    """
    drawn: BoolArray = np.zeros(len(side), bool)
    if not (side == Side.TEST).any():
        rng = random_generator(seed, Purpose.TEST_SPLIT)
        pool = np.flatnonzero(side == Side.POOL)
        _, test = _divide(strata, groups, pool, fraction, rng, "test_fraction")
        drawn[test] = True
    return drawn


def refit_split(dataset: Dataset, seed: int, replicate: int) -> Split:
    """The replicate's split with its validation examples among those to train on as well.

    They are in validation still, where they measure nothing any more.
    """
    split = split_dataset(dataset, seed, replicate)
    both = np.union1d(split.train, split.validation)
    rng = random_generator(seed, Purpose.REFIT, replicate)
    train = _stratified_order(dataset, both, rng)
    return Split(train, split.validation, split.test, prepare_features(dataset, train))


def describe_split(
    dataset: Dataset, seed: int, replicate: int, label_noise: float = 0.0
) -> SplitDescription:
    """The sizes, identities, contents and chance accuracies of a replicate's split."""
    split = split_dataset(dataset, seed, replicate)
    task, target, groups = dataset.task, dataset.target, dataset.groups
    summary = task.summarize(target[split.train])
    trained_on = noisy_labels(dataset, split.train, seed, replicate, label_noise)[split.train]
    return SplitDescription(
        train_examples=len(split.train),
        validation_index=split.validation,
        test_index=split.test,
        chance_validation_accuracy=task.baseline(summary, target[split.validation]),
        chance_test_accuracy=task.baseline(summary, target[split.test]),
        train_classes=task.summarize(trained_on).class_counts,
        validation_classes=task.summarize(target[split.validation]).class_counts,
        test_classes=task.summarize(target[split.test]).class_counts,
        groups=None if groups is None else len(np.unique(groups)),
        validation_groups=None if groups is None else groups[split.validation],
        test_groups=None if groups is None else groups[split.test],
        test_copies=_have_copies(dataset, split.test, split.train),
    )


def _have_copies(dataset: Dataset, examples: IntArray, among: IntArray) -> BoolArray:
    """Which examples have the very features of one that is among others."""
    rows = _distinct_rows(dataset)
    return np.isin(rows[examples], rows[among])


@lru_cache(maxsize=4)
def _distinct_rows(dataset: Dataset) -> npt.NDArray[np.uint64]:
    """A number for every example, equal where all features are: [N].

    A hash of 64 bits, column by column, with the last steps of SplitMix64 (Steele, Lea and Flood,
    OOPSLA 2014) to mix: sorting half a million whole rows took seconds.
    """
    mixed = np.zeros(dataset.examples, np.uint64)
    # -0.0 is 0.0 here, as it is to a network; a missing value equals a missing value.
    numeric = (np.where(np.isnan(column), np.nan, column + 0.0) for column in dataset.numeric.T)
    categorical = (column.astype(np.float64) for column in dataset.categorical.T)
    for column in itertools.chain(numeric, categorical):
        mixed += np.ascontiguousarray(column).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed


def noisy_labels(
    dataset: Dataset, train: IntArray, seed: int, replicate: int, share: float
) -> IntArray:
    """Labels [N] of which the task makes `share` of the training examples' wrong."""
    labels = dataset.target.copy()
    count = round(share * len(train))
    if count == 0:
        return labels
    rng = random_generator(seed, Purpose.LABEL_NOISE, replicate)
    chosen = rng.permutation(train)[:count]
    labels[chosen] = dataset.task.corrupt(labels[chosen], rng)
    return labels


def shuffled_labels(
    labels: IntArray, train: IntArray, seed: int, replicate: int, shuffle: int
) -> IntArray:
    """labels [N] with those of the training examples in another order, the one of that number."""
    rng = random_generator(seed, Purpose.SHUFFLED_LABELS, replicate, shuffle)
    found = labels.copy()
    found[train] = labels[rng.permutation(train)]
    return found


def _divide(
    strata: IntArray,
    groups: IntArray | None,
    pool: IntArray,
    fraction: float,
    rng: np.random.Generator,
    field: str,
) -> tuple[IntArray, IntArray]:
    """pool as (rest, part), part holding about `fraction` of every stratum."""
    if groups is not None:
        return _divide_groups(strata, groups, pool, fraction, rng, field)
    part: list[IntArray] = []
    for stratum in range(int(strata.max()) + 1):
        members = rng.permutation(pool[strata[pool] == stratum])
        count = int(np.clip(round(fraction * len(members)), 1, len(members) - 1))
        part.append(members[:count])
    chosen = np.sort(np.concatenate(part))
    return np.setdiff1d(pool, chosen, assume_unique=True), chosen


def _divide_groups(
    strata: IntArray,
    groups: IntArray,
    pool: IntArray,
    fraction: float,
    rng: np.random.Generator,
    field: str,
) -> tuple[IntArray, IntArray]:
    """Whole groups, in random order, to whichever side then keeps the strata best balanced."""
    count = int(strata.max()) + 1
    totals = np.bincount(strata[pool], minlength=count)
    present, codes = np.unique(groups[pool], return_inverse=True)
    strata_of_groups = np.zeros((len(present), count))
    np.add.at(strata_of_groups, (codes.reshape(-1), strata[pool]), 1.0)
    order = rng.permutation(present)
    if len(order) < 2:
        raise DataError("group", f"{len(order)} group cannot be divided by {field}")
    places = np.searchsorted(present, order)
    wanted = fraction * totals
    taken, distance = np.zeros(count), np.abs(wanted).sum()
    chosen: list[int] = []
    for group, own in zip(order[:-1].tolist(), strata_of_groups[places[:-1]], strict=True):
        after = taken + own
        distance_after = np.abs(after - wanted).sum()
        if distance_after < distance:
            taken, distance = after, distance_after
            chosen.append(group)
    inside = np.isin(groups[pool], chosen)
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
