"""Shares of seeds that succeed: one, and the difference of two."""

import numpy as np
from scipy import stats

from study.analysis.comparison import Difference
from study.analysis.intervals.random_effects import CONFIDENCE


def share_interval(
    successes: int, trials: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Wilson's score interval (JASA 22, 1927) of a share of independent trials."""
    found = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def share_difference(
    first: int, first_trials: int, second: int, second_trials: int, confidence: float = CONFIDENCE
) -> Difference:
    """first/first_trials − second/second_trials, of independent trials.

    The p-value is Fisher's exact one; the interval joins the two Wilson intervals (Newcombe,
    Statistics in Medicine 17, 1998, method 10).
    """
    table = np.array([[first, first_trials - first], [second, second_trials - second]])
    p_value = float(stats.fisher_exact(table).pvalue)
    one, two = first / first_trials, second / second_trials
    one_low, one_high = share_interval(first, first_trials, confidence)
    two_low, two_high = share_interval(second, second_trials, confidence)
    estimate = one - two
    low = estimate - ((one - one_low) ** 2 + (two_high - two) ** 2) ** 0.5
    high = estimate + ((one_high - one) ** 2 + (two - two_low) ** 2) ** 0.5
    return Difference(estimate, low, high, p_value, "fisher")
