"""What may be said to move a quantity: only what can be told from luck.

A hyperparameter is named where the difference of its levels is significant beside all others that
were searched, and a forest over all of them predicts trials that it has not seen. The first tests
one hyperparameter at a time, and the second knows nothing of luck that trials share: neither is
enough. A sample of fewer than FEWEST_TRIALS trials says nothing. A whole grid is no sample, and may
be smaller; no forest is then grown, since there is nothing that it has not seen.
"""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import pandas as pd
from scipy import stats

from study.analysis.effects.importance import importances
from study.analysis.effects.population import Population, population_of
from study.analysis.effects.significance import LuckOfLevels, compared_levels, luck_of_levels
from study.analysis.trials import distinct_trials

SIGNIFICANCE = 0.05
FEWEST_TRIALS = 8
FEWEST_REPLICATES = 2
LEAST_R_SQUARED = 0.1
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


@dataclass(frozen=True, eq=False)
class Causes:
    """quantity, and the answer to what moves it.

    table: all hyperparameters that were tested, with the columns of compared_levels. named: those
    of its rows that are causes, the largest difference first; none unless answer is CAUSES.
    r_squared: of the forest, out of bag; None where no forest was grown. trials and replicates are
    what the answer rests on. enough_replicates: how many would tell an effect of WORTH_KNOWING from
    luck with a probability of POWER, whichever hyperparameter has it; None where more replicates
    alone would not do, because the trials differ too much, or where it was not asked.
    """

    quantity: str
    answer: Answer
    table: pd.DataFrame
    named: pd.DataFrame
    r_squared: float | None
    trials: int
    replicates: int
    enough_replicates: int | None


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
    population = population_of(
        results, replicates, splits, hyperparameters, quantity, only_learned=True
    )
    trials, count = population.response.by_replicate.shape
    # Without those that did not learn a grid is no whole grid any more.
    complete = complete and trials == len(distinct_trials(results))
    varying = [n for n in hyperparameters if len(population.of(n).cat.categories) > 1]
    table = compared_levels(population, complete=complete)
    significant = table[table["p_holm"] < SIGNIFICANCE]
    r_squared, enough = None, None
    if not hyperparameters:
        answer = Answer.NOTHING_VARIES
    elif trials < FEWEST_TRIALS and not complete:
        answer = Answer.TOO_FEW_TRIALS
    elif not varying:
        answer = Answer.NOTHING_VARIES
    elif count < FEWEST_REPLICATES:
        answer = Answer.ONE_REPLICATE
    else:
        if trials >= FEWEST_TRIALS:
            kept = results[results["trial"].isin(population.response.trials)]
            r_squared = importances(kept, splits, varying, quantity).r_squared
        known = r_squared is None or r_squared > LEAST_R_SQUARED
        answer = Answer.CAUSES if known and not significant.empty else Answer.LUCK
        if answer is Answer.LUCK:
            enough = _enough_replicates(population, varying, complete=complete)
    order = significant["difference"].abs().sort_values(ascending=False, kind="stable").index
    named = significant.loc[order] if answer is Answer.CAUSES else significant.head(0)
    return Causes(quantity, answer, table, named, r_squared, trials, count, enough)


def _enough_replicates(population: Population, varying: list[str], *, complete: bool) -> int | None:
    needed = []
    for name in varying:
        luck = luck_of_levels(population.response, population.of(name), complete=complete)
        needed.append(replicates_for(luck, len(varying)))
    known = [count for count in needed if count is not None]
    return max(known) if len(known) == len(needed) else None


def replicates_for(luck: LuckOfLevels, tested: int, effect: float = WORTH_KNOWING) -> int | None:
    """How many replicates would show an effect between two levels with a probability of POWER, if
    luck stays as it was measured and `tested` hyperparameters are tested; None for more than
    MOST_REPLICATES, or unknown.

    By Student's quantiles with Bonferroni's correction for pairs and hyperparameters.
    """
    levels = len(luck.means)
    tail = SIGNIFICANCE / (levels * (levels - 1) * tested)
    fewest, second, *_ = np.argsort(luck.trials, kind="stable")
    for replicates in range(FEWEST_REPLICATES, MOST_REPLICATES + 1):
        larger = replace(luck, replicates=replicates)
        variance, degrees = larger.error_of_difference(int(fewest), int(second))
        away = stats.t.isf(tail, degrees) + stats.t.isf(1.0 - POWER, degrees)
        if away * np.sqrt(variance) <= effect:
            return replicates
    return None
