"""Features as networks read them, fitted on a training split and on nothing else."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from workers.data.dataset import Dataset, FloatArray, IntArray

BoolArray: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What was fitted, per column: of numbers, and of categories in the order of their levels.

    fill stands in for a missing number, and indicated says whether a missing one has a feature of
    its own; then (number − mean) / deviation. shown are the levels that the training examples have:
    every other one, and every category that is no level at all, is a row of zeros.

    numbers_trained and indicators_trained say, per column of numbers, which of its inputs varied in
    training: one that did not has weights that were never trained, or that stand for a constant. It
    is 0 for every example.
    """

    fill: tuple[float, ...]
    indicated: tuple[bool, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    shown: tuple[tuple[bool, ...], ...]
    numbers_trained: tuple[bool, ...]
    indicators_trained: tuple[bool, ...]

    @property
    def features(self) -> int:
        """Number of inputs of a network."""
        return len(self.fill) + sum(self.indicated) + sum(map(len, self.shown))

    @property
    def untrained(self) -> BoolArray:
        """Which inputs of a network [features] are 0 for every example because they did not vary in
        training. Levels that were not shown are not among them."""
        indicators = np.asarray(self.indicators_trained, bool)[np.asarray(self.indicated, bool)]
        categories = np.ones(sum(map(len, self.shown)), bool)
        return ~np.concatenate([np.asarray(self.numbers_trained, bool), indicators, categories])

    def apply(self, numeric: FloatArray, categorical: IntArray) -> FloatArray:
        """Standardized numbers, indicators of missing ones and one-hot categories: [N, features].

        numeric is [N, columns] with NaN where a value is missing, categorical [N, columns] of
        codes into the levels, −1 for none of them.
        """
        missing = np.isnan(numeric)
        filled = np.where(missing, np.asarray(self.fill), numeric)
        numbers = (filled - np.asarray(self.mean)) / np.asarray(self.deviation)
        numbers[:, ~np.asarray(self.numbers_trained, bool)] = 0.0
        trained = missing & np.asarray(self.indicators_trained, bool)
        indicators = trained[:, np.asarray(self.indicated, bool)].astype(np.float64)
        categories = [
            _one_hot(categorical[:, position], np.asarray(shown, bool))
            for position, shown in enumerate(self.shown)
        ]
        return np.concatenate([numbers, indicators, *categories], axis=1)


def fit_preprocessing(dataset: Dataset, train: IntArray) -> Preprocessing:
    """The preprocessing of a replicate, from its training examples.

    Every replicate gets the same columns, so that its networks have equal shapes. A truth table is
    left as it is. Inputs that are constant in train are 0 throughout, unless the data set keeps
    them; a trial that uses only the first part of train (train_fraction) has the same inputs.
    """
    numeric = dataset.numeric
    missing = np.isnan(numeric)
    fill = _means_of_present(numeric[train], missing[train])
    mean, deviation = np.zeros(len(fill)), np.ones(len(fill))
    varied: BoolArray = np.ones(len(fill), bool)
    indicated = varied
    if not dataset.is_truth_table:
        mean, deviation, varied = _moments(np.where(missing, fill, numeric)[train])
        indicated = np.asarray(missing[train].any(axis=0) & ~missing[train].all(axis=0))
    if dataset.keeps_untrained_inputs:
        varied = indicated = np.ones(len(fill), bool)
    return Preprocessing(
        fill=tuple(fill.tolist()),
        indicated=tuple(dataset.missing_indicators.tolist()),
        mean=tuple(mean.tolist()),
        deviation=tuple(deviation.tolist()),
        shown=tuple(
            _levels_shown(dataset.categorical[train, position], len(levels))
            for position, levels in enumerate(dataset.levels)
        ),
        numbers_trained=tuple(varied.tolist()),
        indicators_trained=tuple(indicated.tolist()),
    )


def prepare_features(dataset: Dataset, train: IntArray) -> FloatArray:
    """All examples as networks read them, [N, features], fitted on those of train."""
    return fit_preprocessing(dataset, train).apply(dataset.numeric, dataset.categorical)


def _means_of_present(numeric: FloatArray, missing: np.ndarray) -> FloatArray:
    """Each column's mean over the examples that have a value; 0 where none has."""
    total = np.where(missing, 0.0, numeric).sum(axis=0)
    means: FloatArray = total / np.maximum((~missing).sum(axis=0), 1)
    return means


def _moments(numeric: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Mean and deviation of every column, and whether it varies: the deviation of a constant one is
    1."""
    mean = numeric.mean(axis=0)
    deviation = numeric.std(axis=0)
    constant = deviation < 1e-12 * np.maximum(np.abs(mean), 1.0)
    deviation[constant] = 1.0
    return mean, deviation, ~constant


def _levels_shown(codes: IntArray, levels: int) -> tuple[bool, ...]:
    shown = np.zeros(levels, bool)
    shown[codes[codes >= 0]] = True
    return tuple(shown.tolist())


def _one_hot(codes: IntArray, shown: np.ndarray) -> FloatArray:
    hot = codes[:, None] == np.arange(len(shown))[None, :]  # [N, levels]; −1 matches none
    result: FloatArray = (hot & shown).astype(np.float64)
    return result
