"""How often 95 % intervals contain the truth, in simulations where the truth is known.

Run: python -m tests.benchmarks.coverage [--repetitions 2000]
"""

import argparse
import time
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from study.analysis.comparison import corrected_resampled_t, crossed_difference, mcnemar
from study.analysis.effects.importance import importances
from study.analysis.effects.marginal import marginal_effects
from study.analysis.gap import gap_margins
from study.analysis.intervals.correctness import ValidationOutcomes
from study.analysis.intervals.groups import by_group
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


@dataclass(frozen=True)
class GroupedWorld:
    """Examples that come in groups: part of their difficulty is that of their group.

    evenness is the parameter of the Dirichlet distribution that the groups' shares of the examples
    are drawn from; None: they are equal, 1: sizes spread as an exponential distribution does, less:
    a few groups hold most.
    """

    groups: int
    apart: float  # standard deviation over groups
    evenness: float | None = None
    skill: float = 2.0
    difficulty: float = 2.0
    luck: float = 0.2

    def accuracy(self) -> float:
        """The expected accuracy over replicates, groups and examples."""
        spread = np.sqrt(self.difficulty**2 + self.luck**2 + self.apart**2)
        return float(expit(self.skill + spread * MANY).mean())

    def draw_groups(self, generator):
        """The group of every example: at least one each."""
        if self.evenness is None:
            return np.arange(EXAMPLES) * self.groups // EXAMPLES
        shares = generator.dirichlet(np.full(self.groups, self.evenness))
        more = generator.multinomial(EXAMPLES - self.groups, shares)
        return np.repeat(np.arange(self.groups), 1 + more)


WORLDS = (
    World("hard examples", 2.0, 2.0, 0.2),
    World("near the ceiling", 6.0, 3.0, 0.2),
    World("replicates differ", 2.0, 2.0, 0.5),
    World("replicates alike", 2.0, 2.0, 0.0),
)
GROUPED_WORLDS = tuple(
    GroupedWorld(groups, apart, evenness)
    for evenness in (None, 1.0, 0.4)
    for apart in (1.0, 1.5)
    for groups in (15, 25, 40)
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


@dataclass(frozen=True)
class GroupedCoverage:
    """Shares of intervals that have the truth; of_examples: with groups taken for independent
    examples."""

    accuracy: float
    gap: float
    difference: float
    of_examples: float


def coverage_with_groups(world: GroupedWorld, replicates, repetitions) -> GroupedCoverage:
    """Of test accuracy, gap, and the difference to a recipe that is better by 0.5 in the log odds
    and for which half of a group's difficulty is its own; sizes are drawn anew for every ten."""
    generator = np.random.default_rng(9)
    accuracy, better = world.accuracy(), replace(world, skill=world.skill + 0.5).accuracy()
    hits: list[list[np.ndarray]] = [[], [], [], []]

    def note(place, low, truth, high):
        hits[place].append((low <= truth) & (truth <= high))

    for size in _parts(repetitions, 10):
        groups = world.draw_groups(generator)
        own = generator.normal(0.0, world.difficulty, (size, 1, EXAMPLES))
        luck = generator.normal(0.0, world.luck, (size, replicates))
        shared, first, second = (
            generator.normal(0.0, world.apart / np.sqrt(2), (size, 1, world.groups))[..., groups]
            for _ in range(3)
        )
        correct, other = (
            generator.random((size, replicates, EXAMPLES))
            < expit(skill - own - shared - apart + luck[:, :, None])
            for skill, apart in ((world.skill, first), (world.skill + 0.5, second))
        )
        train = 0.97 + 0.02 * luck + generator.normal(0.0, 0.005, luck.shape)
        test, values = correct.mean(axis=(1, 2)), by_group(correct, groups)
        of_test, of_gap = crossed_precision(values), crossed_precision(-1.0 * values, train)
        low, high = accuracy_interval(test, of_test, world.groups)
        note(0, low, accuracy, high)
        below, above = gap_margins(test, of_test, of_gap, world.groups)
        gap = train.mean(axis=1) - test
        note(1, gap - below, 0.97 - accuracy, gap + above)
        differences = by_group(other.astype(float) - correct, groups)
        difference, margin = differences.mean(axis=(1, 2)), crossed_precision(differences).margin()
        note(2, difference - margin, better - accuracy, difference + margin)
        low, high = accuracy_interval(test, crossed_precision(correct), EXAMPLES)
        note(3, low, accuracy, high)
    return GroupedCoverage(*(float(np.concatenate(own).mean()) for own in hits))


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
    for replicates in (1, 2, 3, 5, 10):
        for world in WORLDS:
            about = f"{replicates} replicates, {world.name}"
            _row(f"test accuracy, {about}", coverage_of_accuracy(world, replicates, count))
            if replicates > 1:
                bootstrapped = coverage_of_accuracy(world, replicates, count, bootstrap=True)
                _row(f"  the same by crossed bootstrap, {about}", bootstrapped)
            _row(f"generalization gap, {about}", coverage_of_gap(world, replicates, count))
    _row("paired difference of two networks", coverage_of_difference(alike, 1, count))
    for replicates in (3, 5):
        for world in WORLDS:
            measured = coverage_of_difference(world, replicates, count)
            _row(f"paired difference, {replicates} replicates, {world.name}", measured)
    for grouped in GROUPED_WORLDS:
        found = coverage_with_groups(grouped, 5, count)
        sizes = {None: "equal", 1.0: "unequal", 0.4: "very unequal"}[grouped.evenness]
        about = f"{grouped.groups} {sizes} groups {grouped.apart:g} apart"
        _row(f"test accuracy, {about}", found.accuracy)
        _row(f"  the same, examples taken as independent, {about}", found.of_examples)
        _row(f"generalization gap, {about}", found.gap)
        _row(f"paired difference, {about}", found.difference)
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
