"""What a sampler knows of a study: its finished trials, read once each, best first."""

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from study.sampling.tpe.axes import Axes, Floats, Integers

Rank = tuple[int, float, float]
_SCORED = (TrialState.COMPLETE, TrialState.PRUNED)


def rank_of(trial: FrozenTrial, sign: float) -> Rank:
    """A finished trial's rank, smaller is better; sign is −1 where the objective is maximized.

    Complete trials come first, by value. Then pruned ones, as Optuna ranks them: those that got
    farther first, then by their last intermediate value (a NaN is the worst). At the end those
    that failed, which say where not to look.
    """
    if trial.state is TrialState.COMPLETE and trial.value is not None:
        return (0, _loss(trial.value, sign), 0.0)
    if trial.state is TrialState.PRUNED:
        if not trial.intermediate_values:
            return (2, 0.0, 0.0)
        step, value = max(trial.intermediate_values.items())
        return (1, -float(step), _loss(value, sign))
    return (3, 0.0, 0.0)


def _loss(value: float, sign: float) -> float:
    return math.inf if math.isnan(value) else sign * value


@dataclass
class TrialLog:
    """A study's trials so far.

    read_all visits only those that had not finished when it was called last; read_one visits one
    that the caller knows to be new or changed. Use either.
    """

    finished: list[FrozenTrial] = field(default_factory=list)
    running: dict[int, FrozenTrial] = field(default_factory=dict)
    """By number, in no order."""
    common: Mapping[str, BaseDistribution] | None = None
    """The distributions that all complete and pruned trials share, by name in alphabetical order;
    None: there is no such trial."""
    seen: int = 0
    """How many trials there are, finished or not."""
    _unfinished: list[int] = field(default_factory=list)

    def read_all(self, trials: Sequence[FrozenTrial]) -> None:
        """Read the study's trials: all of them, by number."""
        open_ones = (*self._unfinished, *range(self.seen, len(trials)))
        self._unfinished = [n for n in open_ones if not trials[n].state.is_finished()]
        for number in open_ones:
            self.read_one(trials[number])
        self.seen = len(trials)

    def read_one(self, trial: FrozenTrial) -> None:
        """Read a trial that is new or has changed since it was read last."""
        self.seen = max(self.seen, trial.number + 1)
        if trial.state is TrialState.RUNNING:
            self.running[trial.number] = trial
            return
        self.running.pop(trial.number, None)
        if trial.state.is_finished():
            self.finished.append(trial)
            if trial.state in _SCORED:
                self._narrow(trial.distributions)

    def _narrow(self, distributions: Mapping[str, BaseDistribution]) -> None:
        if self.common is None:
            self.common = dict(sorted(distributions.items()))
        shared = self.common.items()
        if not shared <= distributions.items():
            self.common = {n: dist for n, dist in shared if distributions.get(n) == dist}


class Observations:
    """The trials that have a point in one space, finished ones in the order of their finish."""

    def __init__(self, axes: Axes, sign: float) -> None:
        self.axes = axes
        self.scored = 0
        """How many trials are complete or pruned."""
        self.tried: set[bytes] = set()
        """Keys of the configurations of finished trials, in a finite space."""
        self.running_keys: set[bytes] = set()
        """The same of running trials."""
        self._sign = sign
        self._points = np.empty((64, len(axes.each)))
        self._count = 0
        self._ranked: list[tuple[Rank, int]] = []  # best first; a trial's row
        self._read = 0
        # By a trial's number, in order.
        self._running: dict[int, tuple[Floats, bytes | None]] = {}

    def update(self, log: TrialLog) -> None:
        """Add the trials that have begun or finished since."""
        for trial in log.finished[self._read :]:
            point = self.axes.point(trial.params)
            if point is not None:
                self._add(trial, point)
        self._read = len(log.finished)
        for number in self._running.keys() - log.running.keys():
            del self._running[number]
        newest = next(reversed(self._running), -1)
        begun = sorted(log.running.keys() - self._running.keys())
        for number in begun:
            trial = log.running[number]
            point = self.axes.point(trial.params)
            if point is not None:
                self._running[number] = point, self._key(trial, point)
        if begun and begun[0] < newest:
            self._running = dict(sorted(self._running.items()))
        if self.axes.size is not None:
            self.running_keys = {key for _, key in self._running.values() if key is not None}

    def good(self, count: int) -> Floats:
        """The points [≤ count, axes] of the best trials that are complete or pruned."""
        return self._points[self._best(count)]

    def others(self, good: int, limit: int) -> tuple[Floats, Floats]:
        """About limit points [n, axes] for all finished trials but the good ones; weights [n].

        Half of them are the latest, each for itself. The rest are taken at equal distances from
        the earlier ones, each for all that were skipped: the density of the whole history,
        at a cost that does not grow with it.
        """
        earlier = max(0, self._count - limit // 2) if self._count > limit else 0
        old, weights = evenly_spaced(earlier, limit - limit // 2)
        rows = np.concatenate([old, np.arange(earlier, self._count)])
        weights = np.concatenate([weights, np.ones(self._count - earlier)])
        kept = np.isin(rows, self._best(good), invert=True)
        return self._points[rows[kept]], weights[kept]

    def running(self, limit: int) -> tuple[Floats, Floats]:
        """At most limit points [n, axes] for all running trials; weights [n]."""
        rows, weights = evenly_spaced(len(self._running), limit)
        running = list(self._running.values())
        chosen = [running[row][0] for row in rows.tolist()]
        return np.array(chosen).reshape(len(chosen), len(self.axes.each)), weights

    def _best(self, count: int) -> Integers:
        rows = [row for _, row in self._ranked[: min(count, self.scored)]]
        return np.array(rows, dtype=np.int64)

    def _add(self, trial: FrozenTrial, point: Floats) -> None:
        if self._count == len(self._points):
            self._points = np.concatenate([self._points, np.empty_like(self._points)])
        self._points[self._count] = point
        bisect.insort(self._ranked, (rank_of(trial, self._sign), self._count))
        self._count += 1
        self.scored += trial.state in _SCORED
        key = self._key(trial, point)
        if key is not None:
            self.tried.add(key)

    def _key(self, trial: FrozenTrial, point: Floats) -> bytes | None:
        """None where the trial does not use up its point: there are infinitely many, or it has
        parameters beside, so that it is one of many configurations that are the same here."""
        beside = trial.distributions.keys() - set(self.axes.names)
        if self.axes.size is None or not all(trial.distributions[n].single() for n in beside):
            return None
        return self.axes.key(point)


def evenly_spaced(count: int, limit: int) -> tuple[Integers, Floats]:
    """At most limit of the numbers below count, at equal distances; how many each stands for."""
    kept = min(count, limit)
    rows = np.arange(kept, dtype=np.int64) * count // max(kept, 1)
    return rows, np.full(kept, count / max(kept, 1))
