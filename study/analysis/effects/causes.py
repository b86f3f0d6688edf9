"""What may be said to move a quantity: only what can be told from luck.

A hyperparameter is named where the difference of its levels is significant beside all others that
were searched, and a forest predicts trials that it has not seen, and worse so without it. The first
tests one hyperparameter at a time, and the second knows nothing of luck that trials share: neither
is enough. A sample of fewer than FEWEST_TRIALS trials says nothing. A whole grid is no sample, and
may be smaller; no forest is then grown, since there is nothing that it has not seen.
"""

import itertools
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import pandas as pd
from scipy import stats

from study.analysis.effects.importance import out_of_bag_r_squared
from study.analysis.effects.population import Population, population_of
from study.analysis.effects.significance import LuckOfLevels, compared_levels, luck_of_levels
from study.analysis.intervals.correctness import IntArray
from study.analysis.trials import distinct_trials

SIGNIFICANCE = 0.05
FEWEST_TRIALS = 8
FEWEST_REPLICATES = 2
LEAST_R_SQUARED = 0.1
LEAST_GAIN = 0.01  # of R², by knowing the hyperparameter
WORTH_KNOWING = 0.02  # the effect that a larger study is to be large enough for
POWER = 0.8
MOST_REPLICATES = 50


class Answer(Enum):
    """Whether causes are named, or why not."""

    CAUSES = "causes"
    TOO_FEW_TRIALS = "too few trials"
    NOTHING_VARIES = "nothing varies"
    ONE_REPLICATE = "one replicate"
    LUCK = "luck"


class Shortage(Enum):
    """What a study has too little of to see an effect of WORTH_KNOWING."""

    REPLICATES = "replicates"
    TRIALS = "trials"
    EXAMPLES = "test examples"


@dataclass(frozen=True, slots=True)
class Enough:
    """What would tell an effect of WORTH_KNOWING from luck with a probability of POWER, if luck
    stays as it was measured: so many replicates, or None where more of them alone would not do,
    because there is a shortage of something else, or of more than MOST_REPLICATES."""

    replicates: int | None
    shortage: Shortage


@dataclass(frozen=True, eq=False)
class Causes:
    """quantity, and the answer to what moves it.

    table: all hyperparameters that were tested, with the columns of compared_levels. named: those
    of its rows that are causes, the largest difference first; none unless answer is CAUSES.
    r_squared: of the forest, out of bag; None where no forest was grown. trials and replicates are
    what the answer rests on. enough: what it would take, where the answer is LUCK. selected: the
    hyperparameters on whose levels it depends whether a trial learned. Those that did are then no
    fair sample of the others' levels, so that what goes with one of these may be another's work.
    """

    quantity: str
    answer: Answer
    table: pd.DataFrame
    named: pd.DataFrame
    r_squared: float | None
    trials: int
    replicates: int
    enough: Enough | None
    selected: tuple[str, ...]


def causes_of(
    results: pd.DataFrame,
    replicates: pd.DataFrame,
    splits: pd.DataFrame,
    hyperparameters: list[str],
    quantity: str = "generalization_gap",
    *,
    complete: bool = False,
) -> Causes:
    """Among the trials that learned; for complete see marginal_effects.

    Of a trial that learned nothing the gap is none, and its hyperparameters would look like cures.
    """
    frames = (results, replicates, splits, hyperparameters, quantity)
    population = population_of(*frames, only_learned=True)
    trials, count = population.response.by_replicate.shape
    # Without those that did not learn a grid is no whole grid any more.
    complete = complete and trials == len(distinct_trials(results))
    varying = [n for n in hyperparameters if len(population.of(n).cat.categories) > 1]
    table = compared_levels(population, complete=complete)
    named, r_squared, enough = table.head(0), None, None
    if not hyperparameters:
        answer = Answer.NOTHING_VARIES
    elif trials < FEWEST_TRIALS and not complete:
        answer = Answer.TOO_FEW_TRIALS
    elif not varying:
        answer = Answer.NOTHING_VARIES
    elif count < FEWEST_REPLICATES:
        answer = Answer.ONE_REPLICATE
    else:
        kept = results[results["trial"].isin(population.response.trials)]
        named, r_squared = _named(table, kept, varying, quantity)
        answer = Answer.LUCK if named.empty else Answer.CAUSES
        if answer is Answer.LUCK:
            enough = _enough(population, varying, complete=complete)
    everyone = population_of(*frames, only_learned=False)
    selected = _selected(everyone.levels, population.response.trials, hyperparameters)
    return Causes(quantity, answer, table, named, r_squared, trials, count, enough, selected)


def _named(
    table: pd.DataFrame, kept: pd.DataFrame, varying: list[str], quantity: str
) -> tuple[pd.DataFrame, float | None]:
    """The rows that are causes, and the forest's R², None where too few trials are left for one."""
    significant = table[table["p_holm"] < SIGNIFICANCE]
    order = significant["difference"].abs().sort_values(ascending=False, kind="stable").index
    significant = significant.loc[order]
    if len(kept) < FEWEST_TRIALS:
        return significant, None
    r_squared = out_of_bag_r_squared(kept, varying, quantity)
    if r_squared <= LEAST_R_SQUARED:
        return table.head(0), r_squared
    gains = [
        r_squared - out_of_bag_r_squared(kept, [n for n in varying if n != own], quantity)
        for own in significant["hyperparameter"]
    ]
    return significant[np.array(gains, dtype=np.float64) > LEAST_GAIN], r_squared


def _selected(
    levels: pd.DataFrame, learned: IntArray, hyperparameters: list[str]
) -> tuple[str, ...]:
    """The hyperparameters with whose levels learning is associated (chi-square, Bonferroni)."""
    inside = np.isin(levels.index.to_numpy(), learned)
    if inside.all() or not inside.any():
        return ()
    found = []
    for name in hyperparameters:
        counts = pd.crosstab(levels[name], inside)
        p_value = stats.chi2_contingency(counts.to_numpy()).pvalue if len(counts) > 1 else 1.0
        if p_value < SIGNIFICANCE / len(hyperparameters):
            found.append(name)
    return tuple(found)


def _enough(population: Population, varying: list[str], *, complete: bool) -> Enough:
    """For whichever hyperparameter it would take most."""
    needed = [
        enough_for(
            luck_of_levels(population.response, population.of(name), complete=complete),
            len(varying),
        )
        for name in varying
    ]
    hopeless = [need for need in needed if need.replicates is None]
    return hopeless[0] if hopeless else max(needed, key=lambda need: need.replicates or 0)


def enough_for(luck: LuckOfLevels, tested: int, effect: float = WORTH_KNOWING) -> Enough:
    """What would show an effect between any two levels, where `tested` hyperparameters are tested.

    By Student's quantiles with Bonferroni's correction for pairs and hyperparameters.
    """
    levels = len(luck.rows)
    tail = SIGNIFICANCE / (levels * (levels - 1) * tested)
    last = replace(luck, replicates=MOST_REPLICATES)
    worst = max(
        itertools.combinations(range(levels), 2),
        key=lambda pair: np.nan_to_num(last.error_of_difference(*pair)[0], nan=np.inf),
    )
    for replicates in range(FEWEST_REPLICATES, MOST_REPLICATES + 1):
        variance, degrees = replace(luck, replicates=replicates).error_of_difference(*worst)
        away = stats.t.isf(tail, degrees) + stats.t.isf(1.0 - POWER, degrees)
        if away * np.sqrt(variance) <= effect:
            return Enough(replicates, Shortage.REPLICATES)
    trials = float(luck.trials[worst[0]] + luck.trials[worst[1]])
    examples = float(luck.by_example[worst])
    parts = {
        Shortage.TRIALS: trials,
        Shortage.EXAMPLES: examples,
        Shortage.REPLICATES: last.error_of_difference(*worst)[0] - trials - examples,
    }
    # What is not known is what there is least of.
    return Enough(None, max(parts, key=lambda part: np.nan_to_num(parts[part], nan=np.inf)))
