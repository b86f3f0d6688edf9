"""Which parameters trials get, by sampler."""

import math

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import IntDistribution
from optuna.trial import TrialState

from storage.trials.records import FinishedTrial
from study.errors import InvalidInput
from study.sampling.designs import DESIGNS, from_unit_cube, grid_parameters
from study.sampling.proposers import PROPOSERS, proposer_for
from study.specification.files import read_specification
from study.specification.space import search_space, space_size
from study.specification.spec import Sampler, StudySpec


def spec_with(sampler: str, *overrides: str, source: str = "digits") -> StudySpec:
    return read_specification(source, overrides=[f"sampler={sampler}", *overrides])


SMALL = (
    "search.width=16",
    "search.initialization=he_normal",
    "search.activation=[relu, tanh]",
    "search.depth={low: 1, high: 3}",
    "search.ensemble_size=1",
    "search.learning_rate=[0.01, 0.1]",
    "search.weight_decay=0.0",
    "search.dropout={low: 0, high: 0.5, step: 0.25}",
)


def test_designs_are_the_samplers_that_say_so():
    said = {sampler for sampler in Sampler if sampler.is_design}
    missing = said - set(DESIGNS)
    assert not missing, f"study/sampling/designs.py: DESIGNS has no entry for {missing}"
    unsaid = set(DESIGNS) - said
    assert not unsaid, f"study/specification/spec.py: Sampler does not call {unsaid} a DESIGN"


def test_every_other_sampler_has_a_proposer():
    missing = {sampler for sampler in Sampler if not sampler.is_design} - set(PROPOSERS)
    assert not missing, f"study/sampling/proposers.py: PROPOSERS has no entry for {missing}"


def test_samplers_that_need_levels_refuse_a_range_without_and_others_take_it():
    refusing = set()
    for sampler in Sampler:
        spec = spec_with(sampler, *SMALL, "search.dropout={low: 0.0, high: 0.5}")
        try:
            proposer_for(spec)
        except ValueError:
            refusing.add(sampler)
    said = {sampler for sampler in Sampler if sampler.needs_levels}
    assert refusing == said, "study/specification/spec.py: Sampler says otherwise of NEEDS_LEVELS"


@pytest.mark.parametrize("sampler", sorted(Sampler))
def test_several_objectives_are_for_the_samplers_that_take_them(sampler):
    two = "objective=[validation_accuracy, validation_gap]"
    if Sampler(sampler).single_objective_only:
        with pytest.raises(InvalidInput, match=f"sampler '{sampler}' needs a single objective"):
            spec_with(sampler, *SMALL, two)
        return
    proposer = proposer_for(spec_with(sampler, *SMALL, two))
    proposer.add_results(
        FinishedTrial(number, TrialState.COMPLETE, values=[0.5 + number / 100, 0.1])
        for number, _ in enumerate(proposer.propose(range(12), [{}] * 12))
    )
    assert len(proposer.propose(range(12, 15), [{}] * 3)) == 3


@pytest.mark.parametrize("sampler", sorted(Sampler))
def test_every_sampler_proposes_parameters_inside_the_space(sampler):
    spec = spec_with(sampler, *SMALL)
    space = search_space(spec)
    proposals = proposer_for(spec).propose(range(6), [{}] * 6)
    assert len(proposals) == 6
    for proposal in proposals:
        assert list(proposal) == list(space)
        optuna.trial.create_trial(params=proposal, distributions=space, value=0.0)


@pytest.mark.parametrize("sampler", [sampler for sampler in Sampler if sampler.is_design])
def test_in_a_design_parameters_follow_from_seed_and_number_alone(sampler):
    spec = spec_with(sampler, *SMALL)
    at_once = proposer_for(spec).propose(range(10), [{}] * 10)
    one_by_one = [proposer_for(spec, begun=n).propose([n], [{}])[0] for n in range(10)]
    assert at_once == one_by_one
    other_seed = spec.model_copy(update={"seed": 1})
    assert proposer_for(other_seed).propose(range(10), [{}] * 10) != at_once


def test_a_grid_gives_every_configuration_once_and_then_nothing():
    spec = spec_with("grid", *SMALL)
    size = space_size(spec)
    assert size == 2 * 3 * 2 * 3
    proposals = proposer_for(spec).propose(range(size + 5), [{}] * (size + 5))
    assert len(proposals) == size
    assert len({tuple(sorted(p.items())) for p in proposals}) == size


def test_a_grid_is_visited_in_an_order_that_shows_every_level_early():
    space = {name: IntDistribution(0, 9) for name in ("a", "b")}
    first = [grid_parameters(space, 0)(n) for n in range(30)]
    assert len({point["a"] for point in first}) >= 8
    assert len({point["b"] for point in first}) >= 8


def test_a_grid_over_a_continuous_range_is_refused():
    with pytest.raises(ValueError, match=r"search\.dropout: a grid needs levels"):
        proposer_for(spec_with("grid", *SMALL, "search.dropout={low: 0.0, high: 0.5}"))


def test_qmc_covers_the_space_more_evenly_than_chance():
    overrides = (*SMALL, "search.dropout={low: 0.0, high: 0.5}")
    proposals = proposer_for(spec_with("qmc", *overrides)).propose(range(64), [{}] * 64)
    counts = [0] * 8
    for proposal in proposals:
        counts[int(proposal["dropout"] / 0.5 * 8)] += 1
    assert counts == [8] * 8


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_what_is_decided_already_is_kept(sampler):
    spec = spec_with(sampler)
    (proposal,) = proposer_for(spec).propose([0], [{"depth": 7, "activation": "elu"}])
    assert (proposal["depth"], proposal["activation"]) == (7, "elu")


def test_tpe_learns_from_what_it_observes():
    spec = spec_with("tpe", *SMALL, "search.depth={low: 1, high: 64}")
    space = search_space(spec)
    history = [
        _finished(number, parameters, space, value=-abs(parameters["depth"] - 60))
        for number, parameters in enumerate(
            proposer_for(spec_with("random", *SMALL, "search.depth={low: 1, high: 64}")).propose(
                range(60), [{}] * 60
            )
        )
    ]
    proposer = proposer_for(spec, begun=60)
    proposer.add_trials(history)
    proposals = proposer.propose(range(60, 70), [{}] * 10)
    assert sum(p["depth"] > 40 for p in proposals) >= 7


def test_an_adaptive_sampler_does_not_begin_again_after_a_restart():
    first = proposer_for(spec_with("tpe")).propose(range(3), [{}] * 3)
    later = proposer_for(spec_with("tpe"), begun=3).propose(range(3, 6), [{}] * 3)
    assert first != later


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=8, max_size=8))
def test_every_point_of_the_unit_cube_is_a_valid_configuration(point):
    space = search_space(read_specification("digits"))
    parameters = from_unit_cube(space, point)
    optuna.trial.create_trial(params=parameters, distributions=space, value=0.0)


@given(u=st.floats(0, 1, exclude_max=True), low=st.integers(1, 100), span=st.integers(0, 1000))
def test_log_whole_numbers_stay_inside_their_bounds(u, low, span):
    space = {"n": optuna.distributions.IntDistribution(low, low + span, log=True)}
    value = from_unit_cube(space, [u])["n"]
    assert isinstance(value, int)
    assert low <= value <= low + span
    assert math.isfinite(value)


def _finished(number, parameters, space, value):
    trial = optuna.trial.create_trial(
        state=TrialState.COMPLETE, params=parameters, distributions=space, value=value
    )
    trial.number = number
    return trial
