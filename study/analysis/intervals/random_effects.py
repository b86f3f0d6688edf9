"""Intervals for what was measured on several replicates and one shared test set.

Replicates redraw train and validation examples, initial weights and batches; the test examples
are the same for all of them. The two are crossed, not nested: averaging over replicates does not
make an unlucky test set lucky. The variance of the mean of a table [replicates, examples] is that
of the two-way random effects model (Searle, Casella and McCulloch, Variance Components, 1992,
chapter 4), its degrees of freedom are Satterthwaite's (Biometrics Bulletin 2, 1946).

In simulation (tests/benchmarks/coverage.py; nominal 95 %, 450 examples) they cover 94 to 97 % from
five replicates on. They fall short where replicates differ much and are few, since so few cannot
show how much: 92 % with three, 88 % with two. A bootstrap that resamples both ways, the usual
advice, covers 85 and 77 % there, and up to 98 % where replicates are alike: it takes the variance
of three replicates by a third too small, and counts chance that neither replicate nor example
explains three times (Owen 2007). It is kept as `crossed_bootstrap`, to compare.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Precision:
    """The squared standard error of means, and its degrees of freedom; arrays of one shape."""

    variance: FloatArray
    degrees: FloatArray

    def margin(self, confidence: float = CONFIDENCE) -> FloatArray:
        """Half the width of the symmetric interval."""
        return np.asarray(self.quantile(confidence) * np.sqrt(self.variance))

    def quantile(self, confidence: float = CONFIDENCE) -> FloatArray:
        """Student's quantile for a two-sided interval."""
        return np.asarray(stats.t.ppf(0.5 + confidence / 2.0, self.degrees))

    def p_value(self, estimate: FloatArray) -> FloatArray:
        """Two-sided, of the hypothesis that the true mean is zero; 1 or 0 where nothing varies."""
        error = np.sqrt(self.variance)
        ratio = np.divide(estimate, error, out=np.zeros_like(error), where=error > 0)
        exact = np.where(estimate == 0.0, 1.0, 0.0)
        p = 2.0 * stats.t.sf(np.abs(ratio), self.degrees)
        return np.asarray(np.where(np.isnan(error), np.nan, np.where(error > 0, p, exact)))


def never_certain(precision: Precision, examples: int) -> Precision:
    """The precision of a difference of shares of so many examples, of which one might have come out
    otherwise on either side: no difference is known without any error because few replicates agree.

    That is the error of Bonett and Price's interval (Statistics in Medicine 31, 2012) where nobody
    disagrees: √2 / (N + 2).
    """
    return Precision(np.maximum(precision.variance, 2.0 / (examples + 2) ** 2), precision.degrees)


def crossed_precision(
    values: npt.NDArray[np.generic],
    offsets: FloatArray | None = None,
    *,
    fixed_examples: bool = False,
) -> Precision:
    """The precision of mean(offsets + values) with values [..., R, N] and offsets [..., R].

    offsets are what a replicate has of its own beside the examples, such as its train accuracy.
    With fixed_examples these are all examples there are (a truth table), and only replicates vary.
    With one replicate only examples vary: the precision for this network, not for its recipe.
    One example (or one group of them, see by_group) says nothing of others: the variance is
    infinite.
    """
    table = np.asarray(values, dtype=np.float64)
    replicates, examples = table.shape[-2:]
    rows = table.mean(axis=-1)
    shifted = rows if offsets is None else rows + offsets
    if fixed_examples:
        if replicates == 1:
            nothing = np.zeros(shifted.shape[:-1])
            return Precision(nothing, np.ones_like(nothing))
        own = shifted.var(axis=-1, ddof=1) / replicates
        return Precision(own, np.full_like(own, replicates - 1.0))
    if examples == 1:
        return Precision(np.full(shifted.shape[:-1], np.inf), np.ones(shifted.shape[:-1]))
    columns = table.mean(axis=-2)
    shared = columns.var(axis=-1, ddof=1) / examples
    if replicates == 1:
        return Precision(shared, np.full_like(shared, examples - 1.0))
    own = shifted.var(axis=-1, ddof=1) / replicates
    both = interaction_variance(table, rows, columns) / (replicates * examples)
    # What replicates have in common beyond chance cannot be less than nothing.
    excess = np.maximum(own - both, 0.0)
    variance = shared + excess
    spread = np.where(
        excess > 0.0,
        own**2 / (replicates - 1.0) + both**2 / ((replicates - 1.0) * (examples - 1.0)),
        0.0,
    ) + shared**2 / (examples - 1.0)
    degrees = np.divide(
        variance**2, spread, out=np.full_like(variance, examples - 1.0), where=spread > 0.0
    )
    return Precision(variance, degrees)


def interaction_variance(table: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """The mean square of what neither row nor column of table [..., R, N] explains; rows and
    columns are its means."""
    replicates, examples = table.shape[-2:]
    squares = (
        np.einsum("...rn,...rn->...", table, table)
        - examples * (rows**2).sum(axis=-1)
        - replicates * (columns**2).sum(axis=-1)
        + replicates * examples * rows.mean(axis=-1) ** 2
    )
    return np.asarray(np.maximum(squares, 0.0) / ((replicates - 1) * (examples - 1)))


def accuracy_interval(
    accuracy: FloatArray, precision: Precision, examples: int, confidence: float = CONFIDENCE
) -> tuple[FloatArray, FloatArray]:
    """Low and high ends for accuracies of that precision.

    Wilson's score interval (JASA 22, 1927) with the number of independent examples that would be
    as precise, and Student's quantile, as for surveys (Dean and Pagano, Journal of Survey
    Statistics and Methodology 3, 2015). With one replicate this is Wilson's interval but for the
    quantile. Where nothing varies, `examples` counts, the number of independent ones: of groups,
    where there are groups. All of 0 to 1 where the variance is infinite.
    """
    ceiling = accuracy * (1.0 - accuracy)
    endless = np.isinf(precision.variance)
    known = (precision.variance > 0.0) & (ceiling > 0.0) & ~endless
    effective = np.divide(
        ceiling, precision.variance, out=np.full_like(ceiling, float(examples)), where=known
    )
    square = precision.quantile(confidence) ** 2
    middle = (accuracy + square / (2 * effective)) / (1 + square / effective)
    half = np.sqrt(square * ceiling / effective + (square / (2 * effective)) ** 2)
    half = half / (1 + square / effective)
    low, high = np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)
    return np.where(endless, 0.0, low), np.where(endless, 1.0, high)


def mean_accuracy_interval(
    accuracy: float, precision: Precision, examples: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """accuracy_interval of one mean accuracy, such as that of many trials; NaN where its precision
    is not known. It stays within 0 and 1 and is never empty, however much the trials vary."""
    if np.isnan(precision.variance) or np.isnan(accuracy):
        return float("nan"), float("nan")
    low, high = accuracy_interval(np.asarray(accuracy), precision, examples, confidence)
    return float(low), float(high)


def crossed_bootstrap(
    values: npt.NDArray[np.generic],
    offsets: FloatArray | None = None,
    *,
    resamples: int = 1000,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> tuple[FloatArray, FloatArray]:
    """Percentile interval of mean(offsets + values), values [..., R, N], resampling both ways.

    Owen's pigeonhole bootstrap (Annals of Applied Statistics 1, 2007). Falls short where replicates
    differ much (85 % with three, 90 % with five) and is too wide where they are alike (98 %).
    """
    table = np.asarray(values, dtype=np.float64)
    replicates, examples = table.shape[-2:]
    generator = np.random.default_rng(seed)
    by_replicate = generator.multinomial(
        replicates, np.full(replicates, 1 / replicates), size=resamples
    )
    by_example = generator.multinomial(examples, np.full(examples, 1 / examples), size=resamples)
    rows = table @ by_example.T / examples  # [..., R, resamples]
    if offsets is not None:
        rows = rows + offsets[..., None]
    means = np.einsum("...rb,br->...b", rows, by_replicate) / replicates
    low, high = np.quantile(means, [0.5 - confidence / 2, 0.5 + confidence / 2], axis=-1)
    return np.asarray(low), np.asarray(high)
