"""The parts of the batched TPE: axes, kernels, mixtures and what is remembered of a study."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from scipy import stats

from study.sampling.tpe.axes import Axes
from study.sampling.tpe.history import Observations, TrialLog, evenly_spaced, rank_of
from study.sampling.tpe.kernels import EvaluationPoints, Kernels
from study.sampling.tpe.parzen import (
    MOST_FINISHED,
    MOST_GOOD,
    MOST_RUNNING,
    estimate,
    fit,
    neighbour_widths,
    scott_widths,
)

X = {"x": FloatDistribution(0, 1)}
FINITE = {
    "level": CategoricalDistribution("abc"),
    "log": IntDistribution(1, 12, log=True),
    "step": IntDistribution(-3, 9, step=3),
    "share": FloatDistribution(0.1, 0.7, step=0.1),
}


def trial(number, parameters, space, value=None, state=TrialState.COMPLETE, reports=None):
    made = create_trial(
        state=state,
        params=parameters,
        distributions=space,
        value=value,
        intermediate_values=reports or {},
    )
    made.number = number
    return made


def every_point(axes):
    point = np.array([axis.centre(np.zeros(1, dtype=np.int64))[0] for axis in axes.each])
    for _ in range(axes.size):
        yield point
        point = axes.successor(point, range(len(axes.each)))


@given(st.floats(1e-6, 1e3), st.floats(1.001, 1e6), st.floats(0, 1), st.booleans())
def test_a_number_survives_the_way_to_its_coordinate_and_back(low, factor, u, log):
    axes = Axes.of({"x": FloatDistribution(low, low * factor, log=log)})
    value = axes.parameters(np.array([u]))["x"]
    assert low <= value <= low * factor
    (again,) = axes.point({"x": value})
    assert again == pytest.approx(u, abs=1e-9)


def test_every_configuration_of_a_finite_space_has_a_point_and_a_key_of_its_own():
    axes = Axes.of(FINITE)
    assert axes.size == 3 * 12 * 5 * 7
    keys = set()
    for point in every_point(axes):
        again = axes.point(axes.parameters(point))
        assert again == pytest.approx(point)
        assert axes.key(again) == axes.key(point)
        keys.add(axes.key(point))
    assert len(keys) == axes.size


def test_decimal_steps_give_the_numbers_that_were_written():
    axes = Axes.of({"share": FINITE["share"]})
    shares = [axes.parameters(point)["share"] for point in every_point(axes)]
    assert shares == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


@pytest.mark.parametrize("value", [-1, 11, math.nan, "3", None])
def test_what_lies_outside_has_no_point(value):
    assert Axes.of({"n": IntDistribution(0, 10)}).point({"n": value}) is None
    assert Axes.of({"c": CategoricalDistribution("ab")}).point({"c": value}) is None


@pytest.mark.parametrize("name", list(FINITE))
@pytest.mark.parametrize("width", [0.02, 0.3, 1.0])
def test_a_kernels_masses_on_all_cells_sum_to_one(name, width):
    axes = Axes.of({name: FINITE[name]})
    points = np.array(list(every_point(axes)))
    kernels = Kernels(axes, points, np.full_like(points, width))
    masses = np.exp(kernels.log_densities(EvaluationPoints.of(points, axes)))
    assert masses.sum(axis=0) == pytest.approx(1.0)


def test_a_kernels_density_is_the_product_of_truncated_gaussians():
    axes = Axes.of({"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)})
    centres, widths = np.array([[0.1, 0.8], [0.5, 0.5]]), np.array([[0.05, 0.4], [1.0, 1.0]])
    points = np.random.default_rng(0).random((50, 2))
    found = Kernels(axes, centres, widths).log_densities(EvaluationPoints.of(points, axes))
    ends = (0 - centres) / widths, (1 - centres) / widths
    expected = stats.truncnorm.logpdf(points[:, None], *ends, loc=centres, scale=widths)
    assert found == pytest.approx(expected.sum(axis=2))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 6))
def test_draws_are_as_frequent_as_the_density_says(seed, count):
    rng = np.random.default_rng(seed)
    axes = Axes.of({"level": FINITE["level"], "step": FINITE["step"]})
    mixture = estimate(
        axes, axes.from_uniform(rng.random((count, 2))), np.ones(count), neighbour_widths
    )
    points = np.array(list(every_point(axes)))
    density = np.exp(mixture.log_density(EvaluationPoints.of(points, axes))) / mixture.weights.sum()
    assert density.sum() == pytest.approx(1.0)
    drawn = [axes.key(point) for point in mixture.draw(4000, rng)]
    for point, share in zip(points, density, strict=True):
        frequency = drawn.count(axes.key(point)) / 4000
        assert abs(frequency - share) < 6 * math.sqrt(share * (1 - share) / 4000) + 1e-3


@given(st.lists(st.floats(0, 1), max_size=40), st.sampled_from([neighbour_widths, scott_widths]))
def test_every_kernel_has_a_width_wherever_the_points_lie(centres, rule):
    widths = estimate(Axes.of(X), np.array(centres).reshape(-1, 1), np.ones(len(centres)), rule)
    assert ((widths.kernels.widths >= 0.01) & (widths.kernels.widths <= 1)).all()


def test_finished_trials_stand_in_optunas_order():
    def complete(value):
        return trial(0, {}, {}, value)

    def pruned(**reports):
        steps = {int(step[1:]): value for step, value in reports.items()}
        return trial(0, {}, {}, None, TrialState.PRUNED, steps)

    ranking = [
        complete(math.inf),
        complete(2.0),
        complete(-1.0),
        complete(-math.inf),
        pruned(s1=0.0, s7=0.2),
        pruned(s7=0.1),
        pruned(s7=math.nan),
        pruned(s2=5.0),
        pruned(),
        trial(0, {}, {}, None, TrialState.FAIL),
    ]
    ranks = [rank_of(each, -1.0) for each in ranking]  # maximized
    assert ranks == sorted(ranks)
    assert rank_of(complete(1.0), 1.0) < rank_of(complete(2.0), 1.0)


def test_a_log_reads_a_trial_when_it_finishes_and_never_again():
    log = TrialLog()
    trials = [trial(n, {"x": 0.5}, X, None, TrialState.RUNNING) for n in range(3)]
    log.read_all(trials)
    assert (list(log.running), log.finished, log.common) == ([0, 1, 2], [], None)
    trials[1] = trial(1, {"x": 0.5}, X, 1.0)
    log.read_all(trials)
    log.read_all(trials)
    assert [t.number for t in log.finished] == [1]
    assert list(log.running) == [0, 2]
    assert log.common == X


def test_what_trials_have_in_common_shrinks_with_each_that_differs():
    log = TrialLog()
    wide = {**X, "y": FloatDistribution(0, 1)}
    log.read_all([trial(0, {"x": 0.1, "y": 0.2}, wide, 1.0), trial(1, {"x": 0.3}, X, 1.0)])
    assert log.common == X
    failed = trial(2, {}, {}, None, TrialState.FAIL)
    log.read_all([*log.finished, failed])
    assert log.common == X


def test_the_kernels_stay_few_however_long_the_history():
    log = TrialLog()
    rng = np.random.default_rng(0)
    log.finished = [trial(n, {"x": u}, X, u) for n, u in enumerate(rng.random(1500).tolist())]
    for n in range(1500, 1800):
        log.read_one(trial(n, {"x": 0.5}, X, None, TrialState.RUNNING))
    observations = Observations(Axes.of(X), 1.0)
    observations.update(log)
    good, others = fit(observations)
    assert len(good.weights) == MOST_GOOD + 1
    assert len(others.weights) <= MOST_FINISHED + MOST_RUNNING + 1
    best = sorted(t.params["x"] for t in log.finished)[:MOST_GOOD]
    assert sorted(good.kernels.centres[:-1, 0]) == best
    # Each that is left out is stood for: the weights add up to about all trials and the prior.
    assert others.weights.sum() == pytest.approx(1500 - MOST_GOOD + 300 + 1, rel=0.03)


@given(st.integers(0, 5000), st.integers(1, 300))
def test_thinning_keeps_the_total_weight(count, limit):
    rows, weights = evenly_spaced(count, limit)
    assert len(rows) == min(count, limit)
    assert len(set(rows.tolist())) == len(rows)
    assert weights.sum() == pytest.approx(count)
    assert all(0 <= row < count for row in rows)
