"""Whether a winner's confirmed accuracy is right, in simulations where the truth is known.

30 equal configurations are searched with 3 replicates each, the best on validation is confirmed on
10 fresh ones. The truth is what the configuration does on new test examples in the mean over seeds
and over splits of the study's own pool of training and validation examples: other pools would
give other networks, and no study that has one pool can tell how different ones.

Run: python -m tests.benchmarks.confirmation [--repetitions 2000]
"""

import argparse
import time
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from study.analysis.confirmation import next_accuracy
from study.analysis.intervals.random_effects import accuracy_interval, crossed_precision
from study.analysis.search.seed_luck import luck_of_winner

TRIALS, SEARCHED, FRESH, EXAMPLES = 30, 3, 10, 450
VALIDATION_FRACTION = 0.2
CHANCE = 0.1  # what a dead network gets right
MANY = np.random.default_rng(1).normal(size=200_000)


@dataclass(frozen=True)
class World:
    """How networks behave, on the scale of the log odds of being right on an example.

    luck is the spread over seeds; pool_luck that of the mean over pools of as many rows; dying the
    share of seeds whose networks guess.
    """

    name: str
    pool: int
    luck: float
    pool_luck: float
    dying: float = 0.0
    skill: float = 2.0
    difficulty: float = 2.0


WORLDS = (
    World("stable", pool=1800, luck=0.3, pool_luck=0.05),
    World("small pool", pool=150, luck=0.2, pool_luck=0.4),
    World("fragile", pool=1800, luck=0.3, pool_luck=0.05, dying=0.1),
)


@dataclass(frozen=True)
class Study:
    """One study's pool of examples and its test set, as difficulties; influence [pool] is what a
    row adds to the skill of networks that are trained on it."""

    world: World
    pool: np.ndarray
    influence: np.ndarray
    test: np.ndarray

    def train(self, generator, trials, replicates):
        """Accuracies on validation and outcomes on test, [T, R] and [T, R, N]."""
        world, count = self.world, round(VALIDATION_FRACTION * self.world.pool)
        validation, test = [], []
        for _ in range(replicates):
            order = generator.permutation(world.pool)
            held, used = order[:count], order[count:]
            skill = world.skill + self.influence[used].mean()
            skill = skill + generator.normal(0.0, world.luck, (trials, 1))
            dead = generator.random((trials, 1)) < world.dying
            sides = []
            for difficulty in (self.pool[held], self.test):
                chance = np.where(dead, CHANCE, expit(skill - difficulty))
                sides.append(generator.random(chance.shape) < chance)
            validation.append(sides[0].mean(axis=1))
            test.append(sides[1])
        return np.stack(validation, axis=1), np.stack(test, axis=1)

    def accuracy(self):
        """What a configuration does on new test examples, over seeds and splits of this pool."""
        world = self.world
        # Of a mean of n of N rows, drawn without replacement.
        share = 1.0 - VALIDATION_FRACTION
        split = self.influence.std(ddof=1) ** 2 / (share * world.pool) * (1.0 - share)
        return self._mean_accuracy(self.influence.mean(), split)

    def accuracy_elsewhere(self):
        """The same in the mean over pools."""
        training = self.world.pool_luck**2 / (1.0 - VALIDATION_FRACTION)
        return self._mean_accuracy(0.0, training)

    def survivors_accuracy(self):
        """accuracy() of the networks that do not die."""
        return (self.accuracy() - self.world.dying * CHANCE) / (1.0 - self.world.dying)

    def _mean_accuracy(self, shift, variance):
        world = self.world
        spread = np.sqrt(world.difficulty**2 + world.luck**2 + variance)
        alive = expit(world.skill + shift + spread * MANY).mean()
        return (1.0 - world.dying) * alive + world.dying * CHANCE


def draw_study(generator, world):
    """A study of the world."""
    pool = generator.normal(0.0, world.difficulty, world.pool)
    influence = generator.normal(0.0, world.pool_luck * np.sqrt(world.pool), world.pool)
    return Study(world, pool, influence, generator.normal(0.0, world.difficulty, EXAMPLES))


@dataclass(frozen=True)
class Figures:
    """What came out in a world: errors in points, coverages as shares."""

    searched: float
    expected: float
    confirmed: float
    coverage: float
    next_coverage: float
    elsewhere: float
    unfailing: float
    when_failing: float
    of_survivors: float


def simulate(world, repetitions) -> Figures:
    """Search, pick and confirm, so many times."""
    generator = np.random.default_rng(11)
    rows = []
    for _ in range(repetitions):
        study = draw_study(generator, world)
        truth = study.accuracy()
        validation, test = study.train(generator, TRIALS, SEARCHED)
        tests = test.mean(axis=2)
        winner = int(validation.mean(axis=1).argmax())
        luck = luck_of_winner(validation, tests)
        # One more: the next network, of which the range is to speak.
        _, fresh = study.train(generator, 1, FRESH + 1)
        correct, following = fresh[0, :FRESH], float(fresh[0, FRESH].mean())
        accuracy = correct.mean(axis=1)
        mean = np.asarray(accuracy.mean())
        low, high = accuracy_interval(mean, crossed_precision(correct), EXAMPLES)
        failed = accuracy < 0.5
        some = 0 < failed.sum() < FRESH
        first, last = (
            (accuracy.min(), accuracy.max()) if some else next_accuracy(accuracy, EXAMPLES)
        )
        rows.append(
            (
                100.0 * (tests[winner].mean() - truth),
                100.0 * luck.excess,
                100.0 * (mean - truth),
                low <= truth <= high,
                first <= following <= last,
                low <= study.accuracy_elsewhere() <= high,
                not failed.any(),
                low <= truth <= high if failed.any() else np.nan,
                np.nan if failed.any() else low <= study.survivors_accuracy() <= high,
            )
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where no seed ever fails
        return Figures(*map(float, np.nanmean(np.array(rows, dtype=float), axis=0)))


def main() -> None:
    """Print the table of BENCHMARKS.md's section on confirmation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000)
    repetitions = parser.parse_args().repetitions
    started = time.perf_counter()
    print("| world | winner, as searched | expected of it | confirmed | interval | next network |")
    print("|---|---|---|---|---|---|")
    notes = []
    for world in WORLDS:
        found = simulate(world, repetitions)
        print(
            f"| {world.name} | {found.searched:+.2f} | {found.expected:+.2f} "
            f"| {found.confirmed:+.2f} | {100 * found.coverage:.1f} % "
            f"| {100 * found.next_coverage:.1f} % |",
            flush=True,
        )
        if world.dying:
            notes.append(
                f"{world.name}: no seed fails in {100 * found.unfailing:.0f} % of confirmations; "
                f"the interval covers {100 * found.when_failing:.0f} % where one does, and where "
                f"none does the mean of those that do not fail in {100 * found.of_survivors:.0f} %"
            )
        else:
            notes.append(f"{world.name}: mean over pools covered in {100 * found.elsewhere:.0f} %")
    print("\n".join(notes))
    print(f"{repetitions} repetitions, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
