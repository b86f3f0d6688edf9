"""Whether a hyperparameter's levels differ by more than luck: one test for each hyperparameter.

Trials share the luck of their replicates, which cancels in a difference of levels. What does not
cancel is luck that a level has to itself. Another width draws other initial weights from the same
streams, another batch size another order: all trials of a level then share a draw that the trials
of the next level do not, however many trials there are. So levels are compared as treatments in a
randomized block design whose blocks are the replicates (Fisher, The design of experiments, 1935):
the error of a level's mean is estimated from how much differences between levels change from
replicate to replicate. To it come what trials of one level differ in, where they are a sample of
the search space, and what levels differ in from one test example to the next.

All pairs of levels are compared with Tukey's studentized range in the form of Games and Howell
(Journal of Educational Statistics 1, 1976), so that the largest difference may be quoted though it
was picked for being the largest. Over the hyperparameters the p-values are Holm's.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from study.analysis.effects.population import Population
from study.analysis.intervals.multiplicity import holm
from study.analysis.intervals.random_effects import CONFIDENCE, BoolArray, FloatArray
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
    """Means of L levels [L] over R replicates, trials per level [L], and the mean squares of what
    makes the means differ without any effect.

    by_replicate: of level × replicate, per replicate, (L − 1)(R − 1) degrees of freedom.
    by_example: what level × example has beyond level × replicate × example, as part of a mean's
    variance. among_trials: of trials within a level beyond what replicates explain, with
    trial_degrees; 0 where trials are no sample. NaN where unknown.
    """

    means: FloatArray
    trials: FloatArray
    replicates: int
    by_replicate: float
    by_example: float
    among_trials: float
    trial_degrees: float

    def error_of_difference(self, first: int, second: int) -> tuple[float, float]:
        """The variance of the difference of two levels' means, and its degrees of freedom
        (Satterthwaite, Biometrics Bulletin 2, 1946)."""
        levels = len(self.means)
        if self.replicates < 2 or np.isnan(self.among_trials):
            return float("nan"), 1.0
        shared = 2.0 * self.by_replicate / self.replicates
        own = self.among_trials * float(1.0 / self.trials[first] + 1.0 / self.trials[second])
        variance = shared + own + 2.0 * self.by_example
        spread = shared**2 / ((levels - 1) * (self.replicates - 1))
        if own > 0.0:
            spread += own**2 / self.trial_degrees
        return variance, max(variance**2 / spread, 1.0)


def luck_of_levels(response: Response, levels: "pd.Series[Any]", *, complete: bool) -> LuckOfLevels:
    """From the trials' response and their levels [T], a categorical without unused categories."""
    codes = levels.cat.codes.to_numpy()
    inside = [codes == place for place in range(len(levels.cat.categories))]
    rows = np.stack([response.by_replicate[own].mean(axis=0) for own in inside])  # [L, R]
    replicates = rows.shape[1]
    trials = np.array([own.sum() for own in inside], dtype=np.float64)
    among, degrees = (0.0, 1.0) if complete else _among_trials(response.by_replicate, inside)
    return LuckOfLevels(
        means=rows.mean(axis=1),
        trials=trials,
        replicates=replicates,
        by_replicate=_by_replicate(rows, response),
        by_example=_by_example(response, inside),
        among_trials=among,
        trial_degrees=degrees,
    )


def _by_replicate(rows: FloatArray, response: Response) -> float:
    """The mean square of level × replicate; at least that of one outcome more or less."""
    levels, replicates = rows.shape
    if replicates < 2:
        return float("nan")
    interaction = rows - rows.mean(axis=0) - rows.mean(axis=1, keepdims=True) + rows.mean()
    square = float((interaction**2).sum()) / ((levels - 1) * (replicates - 1))
    examples = 1 if response.correct is None else response.correct.shape[2]
    return float(max(square, 1.0 / (examples**2 * replicates)))


def _by_example(response: Response, inside: list[BoolArray]) -> float:
    if response.correct is None or response.fixed_examples or response.correct.shape[1] < 2:
        return 0.0
    table = np.stack([response.correct[own].mean(axis=0) for own in inside])  # [L, R, N]
    levels, replicates, examples = table.shape
    table -= table.mean(axis=0)
    over_replicates = table.mean(axis=1)
    over_replicates -= over_replicates.mean(axis=1, keepdims=True)
    of_example = float((over_replicates**2).sum()) * replicates
    both = table - table.mean(axis=2, keepdims=True) - over_replicates[:, None, :]
    chance = float((both**2).sum()) / ((levels - 1) * (replicates - 1) * (examples - 1))
    square = of_example / ((levels - 1) * (examples - 1))
    return float(max(square - chance, 0.0) / (replicates * examples))


def _among_trials(by_replicate: FloatArray, inside: list[BoolArray]) -> tuple[float, float]:
    """The variance of trials within a level beyond chance, and its degrees of freedom."""
    replicates = by_replicate.shape[1]
    degrees = sum(int(own.sum()) - 1 for own in inside)
    if degrees < 1 or replicates < 2:
        return float("nan"), 1.0
    own_squares = chance_squares = 0.0
    for own in inside:
        table = by_replicate[own]
        means = table.mean(axis=1, keepdims=True)
        own_squares += float(((means - table.mean()) ** 2).sum())
        chance_squares += float(((table - means - table.mean(axis=0) + table.mean()) ** 2).sum())
    among = own_squares / degrees
    chance = chance_squares / (degrees * (replicates - 1)) / replicates
    excess = max(among - chance, 0.0)
    if excess == 0.0:
        return 0.0, float(degrees)
    spread = among**2 / degrees + chance**2 / (degrees * (replicates - 1))
    return excess, excess**2 / spread


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
