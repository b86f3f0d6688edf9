"""What the batched TPE promises of its proposals, in any Optuna study."""

import copy
import math
import pickle
from decimal import Decimal

import optuna
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from study import BatchTPESampler
from study.sampling.tpe.search import STARTUP

MIXED = {
    "rate": FloatDistribution(1e-5, 1e-1, log=True),
    "dropout": FloatDistribution(0.0, 0.5),
    "share": FloatDistribution(0.1, 0.9, step=0.1),
    "depth": IntDistribution(1, 9, step=2),
    "width": IntDistribution(1, 512, log=True),
    "activation": CategoricalDistribution(["relu", "tanh", None, 3, True]),
    "fixed": IntDistribution(7, 7),
}
FINITE = {"a": IntDistribution(0, 3), "b": CategoricalDistribution("xyz")}


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def new_study(sampler=None, direction="minimize"):
    return optuna.create_study(sampler=sampler or BatchTPESampler(0), direction=direction)


def add(study, space, parameters, value=None, state=TrialState.COMPLETE, reports=None):
    study.add_trial(
        create_trial(
            state=state,
            params=parameters,
            distributions=dict(space),
            value=value,
            intermediate_values=reports or {},
        )
    )


def loss(parameters):
    return (
        (math.log10(parameters["rate"]) + 3) ** 2
        + (parameters["depth"] - 5) ** 2 / 10
        + (parameters["activation"] != "tanh")
    )


def with_history(sampler, trials, space=MIXED, value=loss):
    """A study with trials at random: a sampler that knows of none proposes uniformly."""
    study = new_study(sampler)
    for parameters in BatchTPESampler(99).sample_batch(new_study(), space, trials):
        add(study, space, parameters, value(parameters))
    return study


def grow(study, sampler, space, value, batches, batch=8):
    for _ in range(batches):
        for parameters in sampler.sample_batch(study, space, batch):
            add(study, space, parameters, value(parameters))


def stepped(first, last, step):
    return FloatDistribution(float(first * step), float(last * step), step=float(step))


bounds = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda b: (b[0], b[0] + b[1]))
floats = bounds.map(lambda b: FloatDistribution(*b))
log_floats = st.tuples(st.floats(1e-9, 1e3), st.floats(1.0, 1e6)).map(
    lambda b: FloatDistribution(b[0], b[0] * b[1], log=True)
)
stepped_floats = st.tuples(
    st.integers(-50, 50), st.integers(0, 40), st.sampled_from(["0.1", "0.05", "0.3", "2.5"])
).map(lambda b: stepped(b[0], b[0] + b[1], Decimal(b[2])))
integers = st.tuples(st.integers(-(10**6), 10**6), st.integers(0, 10**6), st.integers(1, 1000)).map(
    lambda b: IntDistribution(b[0], b[0] + b[1] // b[2] * b[2], step=b[2])
)
log_integers = st.tuples(st.integers(1, 100), st.integers(0, 10**6)).map(
    lambda b: IntDistribution(b[0], b[0] + b[1], log=True)
)
levels = st.lists(
    st.one_of(st.none(), st.text(max_size=3), st.integers(-5, 5)),
    min_size=1,
    max_size=6,
    unique=True,
)
choices = levels.map(CategoricalDistribution)
distributions = st.one_of(floats, log_floats, stepped_floats, integers, log_integers, choices)
spaces = st.lists(distributions, min_size=1, max_size=5).map(
    lambda each: {f"p{i}": distribution for i, distribution in enumerate(each)}
)
values = st.one_of(st.floats(-1e9, 1e9), st.sampled_from([math.inf, -math.inf]))


@settings(max_examples=50, deadline=None)
@given(spaces, st.lists(values, min_size=0, max_size=30), st.integers(0, 2**40))
@example({"p": FloatDistribution(9.0, math.nextafter(9.0, 10), log=True)}, [0.0], 0)
def test_proposals_respect_bounds_steps_and_types(space, outcomes, seed):
    sampler = BatchTPESampler(seed)
    study = new_study(sampler)
    for start in range(0, len(outcomes), 10):
        batch = outcomes[start : start + 10]
        for parameters, value in zip(
            sampler.sample_batch(study, space, len(batch)), batch, strict=False
        ):
            add(study, space, parameters, value)
    for parameters in sampler.sample_batch(study, space, 5):
        assert list(parameters) == list(space)
        # Optuna itself refuses a value outside its distribution.
        create_trial(params=parameters, distributions=space, value=0.0)
        for name, distribution in space.items():
            if isinstance(distribution, IntDistribution):
                assert type(parameters[name]) is int
                assert (parameters[name] - distribution.low) % distribution.step == 0


@pytest.mark.parametrize("trials", [0, 40])
def test_the_same_seed_and_history_give_the_same_proposals(trials):
    study = with_history(BatchTPESampler(3), trials)
    first = BatchTPESampler(3).sample_batch(study, MIXED, 8)
    again = BatchTPESampler(3)
    again.sample_batch(study, MIXED, 5)
    assert again.sample_batch(study, MIXED, 8) == first
    assert BatchTPESampler(4).sample_batch(study, MIXED, 8) != first


def test_what_was_read_bit_by_bit_counts_as_what_is_read_at_once():
    grown = BatchTPESampler(3)
    study = new_study(grown)
    grow(study, grown, MIXED, loss, batches=8)
    assert grown.sample_batch(study, MIXED, 8) == BatchTPESampler(3).sample_batch(study, MIXED, 8)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=12, max_size=12), st.integers(0, 1000))
def test_a_finite_space_is_used_up_without_a_repeat_and_then_ends(batches, seed):
    sampler = BatchTPESampler(seed)
    study = new_study(sampler)
    seen = []
    for number, count in enumerate(batches):
        state = [TrialState.COMPLETE, TrialState.FAIL, TrialState.RUNNING][number % 3]
        for parameters in sampler.sample_batch(study, FINITE, count):
            seen.append(tuple(parameters.values()))
            value = parameters["a"] if state is TrialState.COMPLETE else None
            add(study, FINITE, parameters, value, state)
    assert len(seen) == min(12, sum(batches))
    assert len(set(seen)) == len(seen)


def test_a_plain_study_runs_it_and_repeats_nothing_until_it_must():
    study = new_study()
    study.optimize(lambda t: t.suggest_int("a", 0, 3) + len(t.suggest_categorical("b", "xyz")), 12)
    assert len({tuple(t.params.values()) for t in study.trials}) == 12
    study.optimize(lambda t: t.suggest_int("a", 0, 3) + len(t.suggest_categorical("b", "xyz")), 3)
    assert len(study.trials) == 15


def test_it_finds_a_simple_optimum_in_a_plain_study():
    study = new_study(direction="maximize")
    study.optimize(lambda t: -((t.suggest_float("x", -10, 10) - 4) ** 2), n_trials=60)
    late = [t.params["x"] for t in study.trials[40:]]
    assert sum(abs(x - 4) < 2 for x in late) >= 12  # 4 of 20 by chance
    assert not any(t.system_attrs or t.user_attrs for t in study.trials)


@pytest.mark.parametrize("seed", range(3))
def test_it_learns_which_level_rate_and_depth_are_best(seed):
    sampler = BatchTPESampler(seed)
    study = with_history(sampler, 160)
    batch = sampler.sample_batch(study, MIXED, 32)
    assert sum(p["activation"] == "tanh" for p in batch) >= 20
    assert sum(abs(math.log10(p["rate"]) + 3) < 0.8 for p in batch) >= 20
    assert sum(abs(p["depth"] - 5) <= 2 for p in batch) >= 24


def test_a_batch_is_more_diverse_than_asks_that_do_not_know_of_one_another():
    space = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
    sampler = BatchTPESampler(0)
    study = with_history(sampler, 60, space, lambda p: (p["x"] - 0.3) ** 2 + (p["y"] - 0.7) ** 2)

    def nearest(batch):
        points = [(p["x"], p["y"]) for p in batch]
        return sum(min(math.dist(a, b) for b in points if b is not a) for a in points)

    together = [nearest(BatchTPESampler(s).sample_batch(study, space, 16)) for s in range(10)]
    apart = [
        nearest([BatchTPESampler(100 * s + i).sample_batch(study, space, 1)[0] for i in range(16)])
        for s in range(10)
    ]
    assert sum(together) > sum(apart)


def test_running_trials_keep_others_away():
    space = {"x": FloatDistribution(0, 1)}
    sampler = BatchTPESampler(0)

    def near(pending):
        study = with_history(sampler, 60, space, lambda p: abs(p["x"] - 0.5))
        for i in range(pending):
            add(study, space, {"x": 0.5 + i / 5000}, state=TrialState.RUNNING)
        batch = sampler.sample_batch(study, space, 32)
        return sum(abs(p["x"] - 0.5) < 0.02 for p in batch)

    assert near(pending=100) < near(pending=0)


def test_asked_for_nothing_it_gives_nothing():
    study, sampler = new_study(), BatchTPESampler(0)
    for trials in (0, 40):
        for _ in range(trials):
            (parameters,) = sampler.sample_batch(study, MIXED, 1)
            add(study, MIXED, parameters, loss(parameters))
        assert sampler.sample_batch(study, MIXED, 0) == []


def test_what_is_given_is_kept_and_the_rest_goes_with_it():
    sampler = BatchTPESampler(0)
    space = {"side": CategoricalDistribution("lr"), "x": FloatDistribution(-1, 1)}
    study = with_history(
        sampler, 100, space, lambda p: abs(p["x"] - (0.7 if p["side"] == "r" else -0.7))
    )
    given_sides = [{"side": "r"}] * 8 + [{"side": "l"}] * 8
    proposals = sampler.sample_batch(study, space, 16, given_sides)
    assert [p["side"] for p in proposals] == ["r"] * 8 + ["l"] * 8
    assert sum(p["x"] > 0 for p in proposals[:8]) >= 6
    assert sum(p["x"] < 0 for p in proposals[8:]) >= 6


def test_what_is_given_is_kept_even_outside_its_range_or_in_a_space_that_is_used_up():
    sampler = BatchTPESampler(0)
    study = with_history(sampler, 12, FINITE, lambda p: p["a"])
    assert sampler.sample_batch(study, FINITE, 2) == []
    proposals = sampler.sample_batch(study, FINITE, 3, [{"a": 99}, {"a": 2, "b": "z"}])
    assert [p["a"] for p in proposals] == [99, 2]


def test_two_objectives_are_refused():
    study = optuna.create_study(directions=["minimize", "maximize"])
    with pytest.raises(ValueError, match="one objective, the study has 2; use NSGAIISampler"):
        BatchTPESampler(0).sample_batch(study, MIXED, 1)


def test_spaces_that_differ_between_trials_are_sampled_one_parameter_at_a_time():
    def objective(trial):
        if trial.suggest_categorical("kind", ["line", "bowl"]) == "line":
            return trial.suggest_int("n", 1, trial.number + 2)
        return trial.suggest_float("x", -1, 1) ** 2

    study = new_study()
    study.optimize(objective, n_trials=60)
    assert sum(t.params["kind"] == "bowl" for t in study.trials[30:]) >= 20


def test_a_trial_with_further_parameters_does_not_use_up_what_they_have_in_common():
    study = new_study()
    study.optimize(lambda t: t.suggest_int("a", 0, 1) + t.suggest_float("x", 0, 1), n_trials=20)
    proposals = BatchTPESampler(0).sample_batch(study, {"a": IntDistribution(0, 1)}, 2)
    assert len(proposals) == 2


@pytest.mark.parametrize("state", [TrialState.FAIL, TrialState.PRUNED])
def test_a_history_without_a_complete_trial_is_no_obstacle(state):
    sampler = BatchTPESampler(0)
    study = new_study(sampler)
    for number in range(3 * STARTUP):
        (parameters,) = sampler.sample_batch(study, MIXED, 1)
        reports = {1: math.nan} if number % 2 else {}
        add(study, MIXED, parameters, None, state, reports if state is TrialState.PRUNED else {})
    assert len(sampler.sample_batch(study, MIXED, 4)) == 4


def test_values_that_are_infinite_or_not_a_number_are_the_worst():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        return x if x < 0.5 else (math.nan if trial.number % 2 else math.inf)

    study = new_study()
    study.optimize(objective, n_trials=60)
    assert sum(t.params["x"] < 0.5 for t in study.trials[30:]) >= 24


def test_pruned_trials_teach_by_their_last_report():
    space = {"x": FloatDistribution(0, 1)}
    sampler = BatchTPESampler(0)
    study = new_study(sampler)
    for number in range(60):
        x = number / 59
        add(study, space, {"x": x}, None, TrialState.PRUNED, {0: -x, 3: abs(x - 0.8)})
    batch = sampler.sample_batch(study, space, 16)
    assert sum(abs(p["x"] - 0.8) < 0.2 for p in batch) >= 12


def test_copies_and_pickles_propose_the_same_until_they_are_reseeded():
    sampler = BatchTPESampler(5)
    study = with_history(sampler, 20)
    expected = sampler.sample_batch(study, MIXED, 3)
    for twin in (copy.deepcopy(sampler), pickle.loads(pickle.dumps(sampler))):
        assert twin.sample_batch(study, MIXED, 3) == expected
        twin.reseed_rng()
        assert twin.sample_batch(study, MIXED, 3) != expected


def test_several_threads_may_share_it():
    study = new_study()
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=24, n_jobs=3)
    assert len({t.params["x"] for t in study.trials}) == 24


def test_a_sampler_reads_each_finished_trial_once(monkeypatch):
    sampler = BatchTPESampler(0)
    study = with_history(sampler, 200)
    read = []
    original = optuna.distributions.CategoricalDistribution.to_internal_repr
    monkeypatch.setattr(
        optuna.distributions.CategoricalDistribution,
        "to_internal_repr",
        lambda self, value: read.append(value) or original(self, value),
    )
    for _ in range(5):
        sampler.sample_batch(study, MIXED, 4)
    assert len(read) == 200
