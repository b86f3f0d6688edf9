"""Features as networks read them, fitted on a training split and on nothing else."""

from dataclasses import dataclass

import numpy as np

from workers.data.dataset import Dataset, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What was fitted, per column: of numbers, and of categories in the order of their levels.

    fill stands in for a missing number, and indicated says whether a missing one has a feature of
    its own; then (number − mean) / deviation. shown are the levels that the training examples have:
    every other one, and every category that is no level at all, is a row of zeros.
    """

    fill: tuple[float, ...]
    indicated: tuple[bool, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    shown: tuple[tuple[bool, ...], ...]

    @property
    def features(self) -> int:
        """Number of inputs of a network."""
        return len(self.fill) + sum(self.indicated) + sum(map(len, self.shown))

    def apply(self, numeric: FloatArray, categorical: IntArray) -> FloatArray:
        """Standardized numbers, indicators of missing ones and one-hot categories: [N, features].

        numeric is [N, columns] with NaN where a value is missing, categorical [N, columns] of
        codes into the levels, −1 for none of them.
        """
        missing = np.isnan(numeric)
        filled = np.where(missing, np.asarray(self.fill), numeric)
        numbers = (filled - np.asarray(self.mean)) / np.asarray(self.deviation)
        indicators = missing[:, np.asarray(self.indicated, bool)].astype(np.float64)
        categories = [
            _one_hot(categorical[:, position], np.asarray(shown, bool))
            for position, shown in enumerate(self.shown)
        ]
        return np.concatenate([numbers, indicators, *categories], axis=1)


def fit_preprocessing(dataset: Dataset, train: IntArray) -> Preprocessing:
    """The preprocessing of a replicate, from its training examples.

    Every replicate gets the same columns, so that its networks have equal shapes. A truth table is
    left as it is.
    """
    numeric = dataset.numeric
    missing = np.isnan(numeric)
    fill = _means_of_present(numeric[train], missing[train])
    mean, deviation = np.zeros(len(fill)), np.ones(len(fill))
    if not dataset.is_truth_table:
        mean, deviation = _moments(np.where(missing, fill, numeric)[train])
    return Preprocessing(
        fill=tuple(fill.tolist()),
        indicated=tuple(bool(column.any()) for column in missing.T),
        mean=tuple(mean.tolist()),
        deviation=tuple(deviation.tolist()),
        shown=tuple(
            _levels_shown(dataset.categorical[train, position], len(levels))
            for position, levels in enumerate(dataset.levels)
        ),
    )


def prepare_features(dataset: Dataset, train: IntArray) -> FloatArray:
    """All examples as networks read them, [N, features], fitted on those of train."""
    return fit_preprocessing(dataset, train).apply(dataset.numeric, dataset.categorical)


def _means_of_present(numeric: FloatArray, missing: np.ndarray) -> FloatArray:
    """Each column's mean over the examples that have a value; 0 where none has."""
    total = np.where(missing, 0.0, numeric).sum(axis=0)
    means: FloatArray = total / np.maximum((~missing).sum(axis=0), 1)
    return means


def _moments(numeric: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of every column; 1 for that of a constant one, which becomes 0."""
    mean = numeric.mean(axis=0)
    deviation = numeric.std(axis=0)
    deviation[deviation < 1e-12 * np.maximum(np.abs(mean), 1.0)] = 1.0
    return mean, deviation


def _levels_shown(codes: IntArray, levels: int) -> tuple[bool, ...]:
    shown = np.zeros(levels, bool)
    shown[codes[codes >= 0]] = True
    return tuple(shown.tolist())


def _one_hot(codes: IntArray, shown: np.ndarray) -> FloatArray:
    hot = codes[:, None] == np.arange(len(shown))[None, :]  # [N, levels]; −1 matches none
    result: FloatArray = (hot & shown).astype(np.float64)
    return result
