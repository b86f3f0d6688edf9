"""How often 95 % intervals contain the truth, in simulations where the truth is known.

Run: python -m tests.benchmarks.coverage [--repetitions 2000]
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from study.analysis.comparison import corrected_resampled_t, crossed_difference, mcnemar
from study.analysis.effects.importance import importances
from study.analysis.effects.marginal import marginal_effects
from study.analysis.gap import gap_margins
from study.analysis.intervals.correctness import ValidationOutcomes
from study.analysis.intervals.random_effects import (
    accuracy_interval,
    crossed_bootstrap,
    crossed_precision,
)
from study.analysis.proportions import share_difference
from study.analysis.search.selection import bootstrap_scores
from tests.benchmarks.simulated import planted_study

EXAMPLES = 450
MANY = np.random.default_rng(1).normal(size=1_000_000)


@dataclass(frozen=True)
class World:
    """How recipes behave: on the scale of the log odds of being right on an example."""

    name: str
    skill: float
    difficulty: float  # standard deviation over examples
    luck: float  # standard deviation over replicates

    def accuracy(self) -> float:
        """The expected accuracy over replicates and examples."""
        return float(expit(self.skill + np.hypot(self.difficulty, self.luck) * MANY).mean())


WORLDS = (
    World("hard examples", 2.0, 2.0, 0.2),
    World("near the ceiling", 6.0, 3.0, 0.2),
    World("replicates differ", 2.0, 2.0, 0.5),
    World("replicates alike", 2.0, 2.0, 0.0),
)


def draw(generator, world, replicates, repetitions):
    """Outcomes [repetitions, R, N] of as many independent studies, and their luck [., R]."""
    difficulty = generator.normal(0.0, world.difficulty, (repetitions, 1, EXAMPLES))
    luck = generator.normal(0.0, world.luck, (repetitions, replicates))
    chance = expit(world.skill - difficulty + luck[:, :, None])
    return generator.random(chance.shape) < chance, luck


def coverage_of_accuracy(world, replicates, repetitions, *, bootstrap=False):
    """Of the recipe's test accuracy; with one replicate Wilson's, of networks without luck."""
    generator = np.random.default_rng(2)
    hits = []
    for size in _parts(repetitions):
        correct, _ = draw(generator, world, replicates, size)
        if bootstrap:
            low, high = crossed_bootstrap(correct, resamples=500)
        else:
            precision = crossed_precision(correct)
            low, high = accuracy_interval(correct.mean(axis=(1, 2)), precision, EXAMPLES)
        hits.append((low <= world.accuracy()) & (world.accuracy() <= high))
    return float(np.concatenate(hits).mean())


def coverage_of_gap(world, replicates, repetitions):
    """Of the recipe's generalization gap: what study.analysis.gap computes, in bulk."""
    generator = np.random.default_rng(3)
    hits = []
    for size in _parts(repetitions):
        correct, luck = draw(generator, world, replicates, size)
        train = 0.97 + 0.02 * luck + generator.normal(0.0, 0.005, luck.shape)
        test = correct.mean(axis=(1, 2))
        of_gap = crossed_precision(-1.0 * correct, train)
        below, above = gap_margins(test, crossed_precision(correct), of_gap, EXAMPLES)
        gap = train.mean(axis=1) - test
        truth = 0.97 - world.accuracy()
        hits.append((gap - below <= truth) & (truth <= gap + above))
    return float(np.concatenate(hits).mean())


def coverage_of_difference(world, replicates, repetitions):
    """Of the difference of two recipes that share examples and half of their luck."""
    generator = np.random.default_rng(4)
    better = World("better", world.skill + 0.5, world.difficulty, world.luck)
    truth = better.accuracy() - world.accuracy()
    hits = 0
    for _ in range(repetitions):
        difficulty = generator.normal(0.0, world.difficulty, EXAMPLES)
        shared, *own = generator.normal(0.0, world.luck / np.sqrt(2), (3, replicates, 1))
        first, second = (
            generator.random((replicates, EXAMPLES)) < expit(one.skill - difficulty + shared + luck)
            for one, luck in zip((better, world), own, strict=True)
        )
        if replicates == 1:
            found = mcnemar(first[0], second[0])
        else:
            found = crossed_difference(first.astype(float) - second, None)
        hits += found.low <= truth <= found.high
    return hits / repetitions


def coverage_of_corrected_t(repetitions, splits=5, validation=360, train=1080):
    """With differences correlated as Nadeau and Bengio assume: n_val / (n_val + n_train)."""
    generator = np.random.default_rng(5)
    correlation = validation / (validation + train)
    hits = 0
    for _ in range(repetitions):
        shared = generator.normal(0.0, np.sqrt(correlation))
        scores = 0.01 + 0.02 * (shared + generator.normal(0.0, np.sqrt(1 - correlation), splits))
        found = corrected_resampled_t(scores, validation, train)
        hits += found.low <= 0.01 <= found.high
    return hits / repetitions


def coverage_of_shares(repetitions, seeds=30, first=0.5, second=0.05):
    """Of the difference between the shares of seeds that succeed."""
    generator = np.random.default_rng(6)
    hits = 0
    for _ in range(repetitions):
        one, two = generator.binomial(seeds, [first, second])
        found = share_difference(int(one), seeds, int(two), seeds)
        hits += found.low <= first - second <= found.high
    return hits / repetitions


@dataclass(frozen=True)
class PlantedEffect:
    """How a study in which only dropout moves the gap was read."""

    ranked_first: float
    null_coverage: float


def planted_effect(repetitions) -> PlantedEffect:
    """The share of studies that rank dropout first, and of null effects whose interval has 0."""
    generator = np.random.default_rng(7)
    names = ["depth", "learning_rate", "activation", "dropout"]
    first, contains_zero = [], []
    for _ in range(repetitions):
        study = planted_study(generator)
        ranking = importances(study.results, study.splits, names).table
        first.append(ranking["hyperparameter"].iloc[0] == "dropout")
        effects = marginal_effects(study.results, study.replicates, study.splits, names).table
        null = effects[effects["hyperparameter"] != "dropout"].dropna(subset="effect_low")
        contains_zero += ((null["effect_low"] <= 0) & (null["effect_high"] >= 0)).tolist()
    return PlantedEffect(float(np.mean(first)), float(np.mean(contains_zero)))


@dataclass(frozen=True)
class Selection:
    """Errors of the winner's estimated accuracy on null data, in points: mean and spread."""

    naive: float
    naive_spread: float
    corrected: float
    corrected_spread: float
    interval_coverage: float


def selection_on_null_data(repetitions, trials=100, validation=360, accuracy=0.95) -> Selection:
    """All configurations equal, independent errors: the truth of every winner is `accuracy`."""
    generator = np.random.default_rng(8)
    naive, corrected, hits = [], [], []
    for repetition in range(repetitions):
        correct = generator.random((trials, validation)) < accuracy
        outcomes = ValidationOutcomes(
            np.arange(trials), (np.arange(validation),), (correct,), validation
        )
        estimates = bootstrap_scores(outcomes, 300, repetition).out_of_bag_of_winner(trials)
        naive.append(correct.mean(axis=1).max() - accuracy)
        corrected.append(estimates.mean() - accuracy)
        low, high = np.quantile(estimates, [0.025, 0.975])
        hits.append(low <= accuracy <= high)
    points = 100 * np.array([naive, corrected])
    (naive_mean, corrected_mean), (naive_std, corrected_std) = points.mean(1), points.std(1, ddof=1)
    return Selection(naive_mean, naive_std, corrected_mean, corrected_std, float(np.mean(hits)))


def _parts(repetitions, size=250):
    return [min(size, repetitions - start) for start in range(0, repetitions, size)]


def _row(name, share):
    print(f"{name:<66}{100 * share:6.1f} %", flush=True)


def main() -> None:
    """Print every figure of BENCHMARKS.md's section on statistics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000)
    count = parser.parse_args().repetitions
    started = time.perf_counter()
    alike = WORLDS[-1]
    _row("test accuracy of one network (Wilson)", coverage_of_accuracy(alike, 1, count))
    for replicates in (2, 3, 5, 10):
        for world in WORLDS:
            about = f"{replicates} replicates, {world.name}"
            bootstrapped = coverage_of_accuracy(world, replicates, count, bootstrap=True)
            _row(f"test accuracy, {about}", coverage_of_accuracy(world, replicates, count))
            _row(f"  the same by crossed bootstrap, {about}", bootstrapped)
            _row(f"generalization gap, {about}", coverage_of_gap(world, replicates, count))
    _row("paired difference of two networks", coverage_of_difference(alike, 1, count))
    for replicates in (3, 5):
        for world in WORLDS:
            measured = coverage_of_difference(world, replicates, count)
            _row(f"paired difference, {replicates} replicates, {world.name}", measured)
    _row("corrected resampled t, 5 splits", coverage_of_corrected_t(count))
    _row("difference of shares, 30 seeds each", coverage_of_shares(count))
    selected = selection_on_null_data(count)
    print(
        f"winner of 100 equal configurations, error in points (mean ± spread of one study): "
        f"naive {selected.naive:+.2f} ± {selected.naive_spread:.2f}, "
        f"BBC {selected.corrected:+.2f} ± {selected.corrected_spread:.2f}"
    )
    _row("BBC's percentile interval", selected.interval_coverage)
    planted = planted_effect(max(count // 5, 1))
    _row("planted effect of dropout ranked first", planted.ranked_first)
    _row("effects of the others contain zero", planted.null_coverage)
    print(f"{count} repetitions, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
