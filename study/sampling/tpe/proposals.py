"""Choosing a batch of points: where good trials are dense and others are not, and apart."""

from collections.abc import Callable, Iterable, Sequence, Set

import numpy as np
from numpy.random import Generator

from study.sampling.tpe.axes import Axes, Floats
from study.sampling.tpe.kernels import EvaluationPoints, Kernels
from study.sampling.tpe.parzen import Mixture

CANDIDATES = 24  # per ask, as in Bergstra et al. 2011
ROUNDS = 8  # of candidates, before an untried configuration is looked for one by one


def uniform_batch(
    axes: Axes, given: Sequence[Floats], tried: Set[bytes], rng: Generator
) -> list[Floats | None]:
    """A point per ask, uniform in the space. See parzen_batch for given, tried and None."""

    def draw(count: int) -> Floats:
        return axes.from_uniform(rng.random((count, len(axes.each))))

    seen = set(tried)
    batch = []
    for fixed in given:
        points = _completed(draw(1), fixed)
        point = _first_untried(axes, points, seen)
        if point is None:
            point = _search_untried(axes, fixed, seen, draw, rng)
        if point is not None:
            _mark(axes, point, seen)
        batch.append(point)
    return batch


def parzen_batch(
    axes: Axes,
    good: Mixture,
    others: Mixture,
    given: Sequence[Floats],
    tried: Set[bytes],
    rng: Generator,
) -> list[Floats | None]:
    """A point per ask, drawn from the good trials' density l and chosen for the highest l / g.

    The expected improvement of Bergstra et al. 2011 grows with l / g, g the others' density. Each
    chosen point joins g at once, as if it had turned out badly (the constant liar of Ginsbourger,
    Le Riche and Carraro 2010), so that its batch-mates go elsewhere.

    given has a point per ask: the coordinates that are decided already, NaN for the others.
    tried are the keys of configurations to avoid, if the space is finite. A point is None where
    all configurations that agree with what is given have been tried.
    """
    if not given:
        return []

    def draw(count: int) -> Floats:
        return good.draw(count, rng)

    drawn = draw(len(given) * CANDIDATES).reshape(len(given), CANDIDATES, len(axes.each))
    drawn = np.stack(
        [_completed(points, fixed) for points, fixed in zip(drawn, given, strict=True)]
    )
    flat = drawn.reshape(-1, len(axes.each))
    points = EvaluationPoints.of(flat, axes)
    log_good = good.log_density(points).reshape(len(given), CANDIDATES)
    log_others = others.log_density(points).reshape(len(given), CANDIDATES)
    width = others.typical_width / 2  # a batch-mate is one point, not a region to keep out of
    seen = set(tried)
    batch = []
    for ask, fixed in enumerate(given):
        best_first = np.argsort(log_others[ask] - log_good[ask], kind="stable")
        point = _first_untried(axes, drawn[ask, best_first], seen)
        if point is None:
            point = _search_untried(axes, fixed, seen, draw, rng)
        if point is not None:
            _mark(axes, point, seen)
            rest = points[(ask + 1) * CANDIDATES :]
            mate = Kernels(axes, point[None], width[None]).log_densities(rest)
            log_others[ask + 1 :] = np.logaddexp(
                log_others[ask + 1 :], mate.reshape(-1, CANDIDATES)
            )
        batch.append(point)
    return batch


def _completed(points: Floats, fixed: Floats) -> Floats:
    """The points with the coordinates that are decided already."""
    return np.where(np.isnan(fixed), points, fixed)


def _first_untried(axes: Axes, points: Iterable[Floats], tried: Set[bytes]) -> Floats | None:
    for point in points:
        if axes.size is None or axes.key(point) not in tried:
            return point
    return None


def _search_untried(
    axes: Axes,
    fixed: Floats,
    tried: Set[bytes],
    draw: Callable[[int], Floats],
    rng: Generator,
) -> Floats | None:
    """An untried configuration that is as likely as possible, None where there is none."""
    for _ in range(ROUNDS):
        point = _first_untried(axes, _completed(draw(CANDIDATES), fixed), tried)
        if point is not None:
            return point
    # From a configuration at random through all of them: no more steps than have been tried.
    here: Floats = _completed(axes.from_uniform(rng.random((1, len(axes.each)))), fixed)[0]
    free = [i for i in range(len(axes.each)) if np.isnan(fixed[i])]
    for _ in range(len(tried) + 1):
        if axes.key(here) not in tried:
            return here
        here = axes.successor(here, free)
    return None


def _mark(axes: Axes, point: Floats, tried: set[bytes]) -> None:
    if axes.size is not None:
        tried.add(axes.key(point))
