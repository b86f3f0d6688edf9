"""How much of a winner's test accuracy is the luck of its seeds, estimated before any confirmation.

A trial's mean over R replicates is its configuration's value and noise of variance σ²/R. Whoever is
best has lucky noise, and a seed that is lucky on validation examples is lucky on test examples too,
so the winner's test accuracy is too high, though no trial was chosen by it. The estimate simulates
the search: true values that differ as much as the trials do beyond their noise, normal noise as it
was measured, and the mean noise of whoever wins.

Where seeds fail no normal noise describes it: a trial that has one does not win, and that the
winner had none is its luck. Then the winner's lead over the mean of all trials is taken to be luck
to the degree to which trials differ no more than their replicates make them (regression to the
mean: James and Stein, Proceedings of the Fourth Berkeley Symposium 1, 1961).

In simulation (tests/benchmarks/confirmation.py) the estimate is within 0.2 points of the truth
where no seeds fail, and 8.9 points of 9.9 where one in ten does.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from study.analysis.intervals.random_effects import BoolArray, FloatArray
from study.analysis.trials import distinct_trials
from study.specification.spec import Objective

DRAWS = 4000
# Trials that lie further behind the best, in standard errors of a difference, could not have won.
OUT_OF_REACH = 4.0
# A trial's replicates differ so much by normal noise in one of so many trials.
STRANGE = 1e-3


@dataclass(frozen=True, slots=True)
class SeedLuck:
    """How much the winner's test accuracy is too high in the mean; contenders is how many trials
    were near enough to have won with other seeds, spread by how much (a standard deviation) seeds
    move a trial's mean test accuracy."""

    excess: float
    contenders: int
    spread: float


def expected_luck(
    results: pd.DataFrame, replicates: pd.DataFrame, objective: Objective
) -> SeedLuck | None:
    """The luck of the winner by this objective; None where it cannot be estimated: with one
    replicate, one trial, or an objective that no seed changes."""
    tables = _tables(results, replicates, objective)
    return None if tables is None else luck_of_winner(*tables)


def luck_of_winner(scores: FloatArray, tests: FloatArray) -> SeedLuck | None:
    """The same, of what is maximized, and of test accuracy: [T, R]."""
    if min(scores.shape) < 2:
        return None
    near = _contenders(scores)
    if near.sum() < 2:
        return SeedLuck(0.0, int(near.sum()), 0.0)
    if _without_failures(scores).all():
        return _simulated(scores[near].mean(axis=1), _noise(scores[near], tests[near]))
    return replace(_regressed(scores, tests), contenders=int(near.sum()))


def _tables(
    results: pd.DataFrame, replicates: pd.DataFrame, objective: Objective
) -> tuple[FloatArray, FloatArray] | None:
    """[T, R] of what is maximized, and of test accuracy."""
    if objective is Objective.PARAMETERS:
        return None
    own = replicates[replicates["trial"].isin(distinct_trials(results)["trial"])]
    score = (
        own["train_accuracy"] - own["validation_accuracy"]
        if objective is Objective.VALIDATION_GAP
        else own[objective.value]
    )
    sign = 1.0 if objective.direction == "maximize" else -1.0
    by_trial = own.assign(score=sign * score).pivot_table(
        index="trial", columns="replicate", values=["score", "test_accuracy"]
    )
    whole = by_trial.dropna()
    if whole.empty:
        return None
    return whole["score"].to_numpy(dtype=np.float64), whole["test_accuracy"].to_numpy(np.float64)


def _noise(scores: FloatArray, tests: FloatArray) -> FloatArray:
    """The covariance [2, 2] of the noise in a trial's two means.

    What a replicate does to all trials alike chooses nobody and is left out.
    """
    trials, replicates = scores.shape
    left = np.stack([_interaction(scores).ravel(), _interaction(tests).ravel()])
    degrees = (trials - 1) * (replicates - 1)
    return np.asarray(left @ left.T / (degrees * replicates), dtype=np.float64)


def _interaction(table: FloatArray) -> FloatArray:
    rows, columns = table.mean(axis=1, keepdims=True), table.mean(axis=0)
    return np.asarray(table - rows - columns + table.mean())


def _contenders(scores: FloatArray) -> BoolArray:
    """The trials that could have won with other seeds."""
    means = scores.mean(axis=1)
    error = np.sqrt(2.0 * _typical_variance(scores) / scores.shape[1])
    return np.asarray(means >= means.max() - OUT_OF_REACH * error)


def _without_failures(scores: FloatArray) -> BoolArray:
    """The trials whose replicates differ no more than normal noise makes them differ: of seeds that
    fail no one spread describes those that do and those that do not."""
    degrees = scores.shape[1] - 1
    bound = _typical_variance(scores) * float(stats.chi2.isf(STRANGE, degrees)) / degrees
    return np.asarray(_own_variances(scores) <= bound)


def _own_variances(scores: FloatArray) -> FloatArray:
    """[T]: of each trial's replicates, without what a replicate does to all trials alike."""
    trials, replicates = scores.shape
    squares = (_interaction(scores) ** 2).sum(axis=1)
    return np.asarray(squares * trials / (trials - 1) / (replicates - 1))


def _typical_variance(scores: FloatArray) -> float:
    """That of the median trial of the better half: seeds that fail, and trials that learn nothing,
    would make a mean too large or zero."""
    means, degrees = scores.mean(axis=1), scores.shape[1] - 1
    median = float(np.median(_own_variances(scores)[means >= np.median(means)]))
    return float(median * degrees / stats.chi2.median(degrees))


def _simulated(means: FloatArray, noise: FloatArray) -> SeedLuck:
    observed = float(means.var(ddof=1))
    between = max(observed - float(noise[0, 0]), 0.0)
    # Shrunk so that they differ as much as true values do, not as much as their estimates.
    shrink = np.sqrt(between / observed) if observed > 0.0 else 0.0
    true = means.mean() + shrink * (means - means.mean())
    generator = np.random.default_rng(0)
    shape = (DRAWS, len(means))
    drawn = generator.multivariate_normal(np.zeros(2), noise, size=shape, method="svd")
    winners = (true + drawn[:, :, 0]).argmax(axis=1)
    excess = float(drawn[np.arange(DRAWS), winners, 1].mean())
    return SeedLuck(max(excess, 0.0), len(means), float(np.sqrt(noise[1, 1])))


def _regressed(scores: FloatArray, tests: FloatArray) -> SeedLuck:
    """The winner's lead in test accuracy over the mean trial, times the noise's part in how much
    trials differ."""
    means = tests.mean(axis=1)
    observed = float(means.var(ddof=1))
    noise = float(_noise(scores, tests)[1, 1])
    share = min(noise / observed, 1.0) if observed > 0.0 else 0.0
    lead = float(means[scores.mean(axis=1).argmax()] - means.mean())
    return SeedLuck(max(share * lead, 0.0), len(means), float(np.sqrt(noise)))
