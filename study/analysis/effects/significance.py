"""Whether a hyperparameter's levels differ by more than luck: one test for each hyperparameter.

Trials share the luck of their replicates, which cancels in a difference of levels. What does not
cancel is luck that a level has to itself. Another width draws other initial weights from the same
streams, another batch size another order: all trials of a level then share a draw that the trials
of the next level do not, however many trials there are. So levels are compared as treatments in a
randomized block design whose blocks are the replicates (Fisher, The design of experiments, 1935):
the error of a level's mean is estimated from how much differences between levels change from
replicate to replicate. To it come what trials of a level differ in, where they are a sample of the
search space, and what two levels differ in from one test example to the next.

All pairs of levels are compared with Tukey's studentized range, each with an error of its own as
Games and Howell do (Journal of Educational Statistics 1, 1976), so that the largest difference may
be quoted though it was picked for being the largest. Over the hyperparameters the p-values are
Holm's.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from study.analysis.effects.population import Population
from study.analysis.intervals.multiplicity import holm
from study.analysis.intervals.random_effects import (
    CONFIDENCE,
    BoolArray,
    FloatArray,
    interaction_variance,
)
from study.analysis.intervals.responses import Response

COLUMNS = [
    "hyperparameter", "levels", "level", "against", "level_mean", "against_mean",
    "difference", "low", "high", "p_value", "p_holm",
]  # fmt: skip


def compared_levels(
    population: Population, *, complete: bool, confidence: float = CONFIDENCE
) -> pd.DataFrame:
    """One row per hyperparameter that varies in the population, in the order of its columns.

    Columns hyperparameter, levels (how many), level and against (the two that differ most, as
    measured by the error of their difference; of ordered levels the later one comes first, of
    others the one with the larger mean), level_mean, against_mean, difference (of these means) with
    low and high (simultaneous over all pairs of levels), p_value (that all levels are alike) and
    p_holm (over the hyperparameters). NaN where it cannot be told: with one replicate, or where no
    two trials share a level and the trials are a sample.
    """
    rows: list[dict[str, Any]] = []
    for name in population.levels:
        levels = population.of(str(name))
        if len(levels.cat.categories) < 2:
            continue
        luck = luck_of_levels(population.response, levels, complete=complete)
        rows.append({"hyperparameter": name, **_widest(luck, levels, confidence)})
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["p_holm"] = holm(table["p_value"].to_numpy(dtype=np.float64))
    return table


@dataclass(frozen=True, eq=False)
class LuckOfLevels:
    """Means of L levels [L] over R replicates, and what makes them differ without any effect.

    rows [L, R] are the means by replicate. by_replicate is the mean square of level × replicate,
    with (L − 1)(R − 1) degrees of freedom. by_example [L, L] is what two levels differ in from one
    test example to the next, beyond chance, as a part of the variance of their difference. trials
    [L] are the variances of the levels' means among trials beyond what replicates explain, with
    trial_degrees [L]; 0 where the trials are no sample, NaN where unknown.
    """

    rows: FloatArray
    replicates: int
    by_replicate: float
    by_example: FloatArray
    trials: FloatArray
    trial_degrees: FloatArray

    @property
    def means(self) -> FloatArray:
        """[L]"""
        return np.asarray(self.rows.mean(axis=1))

    def error_of_difference(self, first: int, second: int) -> tuple[float, float]:
        """The variance of the difference of two levels' means, and its degrees of freedom
        (Satterthwaite, Biometrics Bulletin 2, 1946).

        What replicates make of it is pooled over all levels, which have few degrees of freedom, but
        is at least what they make of these two: a level whose seeds fail now and then must not
        borrow the calm of the others.
        """
        levels = len(self.rows)
        own = float(self.trials[first] + self.trials[second])
        if self.replicates < 2 or np.isnan(own):
            return float("nan"), 1.0
        of_pair = float((self.rows[first] - self.rows[second]).var(ddof=1)) / 2.0
        shared = 2.0 * max(self.by_replicate, of_pair) / self.replicates
        variance = shared + own + float(self.by_example[first, second])
        spread = shared**2 / ((levels - 1) * (self.replicates - 1))
        for level in (first, second):
            spread += float(self.trials[level] ** 2 / self.trial_degrees[level])
        return variance, max(variance**2 / spread, 1.0)


def luck_of_levels(response: Response, levels: "pd.Series[Any]", *, complete: bool) -> LuckOfLevels:
    """From the trials' response and their levels [T], a categorical without unused categories."""
    codes = levels.cat.codes.to_numpy()
    inside = [codes == place for place in range(len(levels.cat.categories))]
    rows = np.stack([response.by_replicate[own].mean(axis=0) for own in inside])
    trials, degrees = np.zeros(len(inside)), np.ones(len(inside))
    if not complete:
        trials, degrees = _among_trials(response.by_replicate, inside)
    return LuckOfLevels(
        rows=rows,
        replicates=rows.shape[1],
        by_replicate=_by_replicate(rows, response),
        by_example=_by_example(response, inside),
        trials=trials,
        trial_degrees=degrees,
    )


def _by_replicate(rows: FloatArray, response: Response) -> float:
    """The mean square of level × replicate; at least that of one outcome more or less."""
    levels, replicates = rows.shape
    if replicates < 2:
        return float("nan")
    interaction = rows - rows.mean(axis=0) - rows.mean(axis=1, keepdims=True) + rows.mean()
    square = float((interaction**2).sum()) / ((levels - 1) * (replicates - 1))
    if response.correct is None:
        return float(square)
    return float(max(square, 1.0 / (response.correct.shape[2] ** 2 * replicates)))


def _by_example(response: Response, inside: list[BoolArray]) -> FloatArray:
    levels = len(inside)
    nothing = np.zeros((levels, levels))
    if response.correct is None or response.fixed_examples:
        return nothing
    _, replicates, examples = response.correct.shape
    if examples < 2:
        return nothing + np.nan  # nobody knows how much units differ
    if replicates < 2:
        return nothing
    table = np.stack([response.correct[own].mean(axis=0) for own in inside])  # [L, R, N]
    for first, second in itertools.combinations(range(levels), 2):
        difference = table[first] - table[second]
        columns, rows = difference.mean(axis=0), difference.mean(axis=1)
        chance = interaction_variance(difference, rows, columns) / replicates
        excess = max(float(columns.var(ddof=1)) - float(chance), 0.0) / examples
        nothing[first, second] = nothing[second, first] = excess
    return nothing


def _among_trials(
    by_replicate: FloatArray, inside: list[BoolArray]
) -> tuple[FloatArray, FloatArray]:
    """Per level the variance of its mean among trials, beyond chance, and its degrees of freedom.

    Each level has its own (Welch, Biometrika 34, 1947); one with a single trial has that of all.
    """
    found = [_within([by_replicate[own]]) for own in inside]
    pooled = _within([by_replicate[own] for own in inside])
    chosen = [pooled if np.isnan(variance) else (variance, d) for variance, d in found]
    counts = np.array([own.sum() for own in inside], dtype=np.float64)
    variances = np.array([variance for variance, _ in chosen]) / counts
    return variances, np.array([degrees for _, degrees in chosen])


def _within(tables: list[FloatArray]) -> tuple[float, float]:
    """The variance of trials within tables [T, R] beyond chance, and its degrees of freedom."""
    replicates = tables[0].shape[1]
    degrees = sum(len(table) - 1 for table in tables)
    if degrees < 1 or replicates < 2:
        return float("nan"), 1.0
    own_squares = chance_squares = 0.0
    for table in tables:
        means = table.mean(axis=1, keepdims=True)
        own_squares += float(((means - table.mean()) ** 2).sum())
        chance_squares += float(((table - means - table.mean(axis=0) + table.mean()) ** 2).sum())
    among = own_squares / degrees
    chance = chance_squares / (degrees * (replicates - 1)) / replicates
    return max(among - chance, 0.0), float(degrees)


def _widest(luck: LuckOfLevels, levels: "pd.Series[Any]", confidence: float) -> dict[str, Any]:
    """The two levels that differ most for the error of their difference."""
    labels = [str(label) for label in levels.cat.categories]
    count = len(labels)
    found: dict[str, Any] = {"levels": count}
    pairs = list(itertools.combinations(range(count), 2))
    errors = {pair: luck.error_of_difference(*pair) for pair in pairs}
    if any(not variance > 0.0 for variance, _ in errors.values()):
        return found

    def ratio(pair: tuple[int, int]) -> float:
        return float(abs(luck.means[pair[0]] - luck.means[pair[1]]) / np.sqrt(errors[pair][0] / 2))

    first, second = widest = max(pairs, key=ratio)
    later_first = bool(levels.cat.ordered) or luck.means[second] > luck.means[first]
    one, other = (second, first) if later_first else (first, second)
    variance, degrees = errors[widest]
    difference = float(luck.means[one] - luck.means[other])
    margin = _quantile_of_range(count, degrees, confidence) * float(np.sqrt(variance / 2.0))
    return found | {
        "level": labels[one],
        "against": labels[other],
        "level_mean": float(luck.means[one]),
        "against_mean": float(luck.means[other]),
        "difference": difference,
        "low": difference - margin,
        "high": difference + margin,
        "p_value": float(stats.studentized_range.sf(ratio(widest), count, degrees)),
    }


def _quantile_of_range(count: int, degrees: float, confidence: float) -> float:
    """Of Tukey's studentized range; scipy's own ppf takes ten times as long.

    It lies between Student's quantile and that of Bonferroni for all pairs.
    """
    tail = (1.0 - confidence) / 2.0
    pairs = count * (count - 1) / 2
    low, high = (float(stats.t.isf(part, degrees) * np.sqrt(2.0)) for part in (tail, tail / pairs))
    if pairs == 1:
        return low

    def excess(value: float) -> float:
        return float(stats.studentized_range.sf(value, count, degrees)) - 2.0 * tail

    return float(optimize.brentq(excess, 0.99 * low, 1.01 * high, xtol=1e-3))
