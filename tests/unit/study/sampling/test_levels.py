"""The levels of ranges: exact, by index, and shuffled, without ever being written out."""

import math
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import SeedSequence, default_rng
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from storage.trials.records import FinishedTrial
from study.errors import InvalidInput
from study.sampling import permutation
from study.sampling.permutation import Permutation
from study.sampling.proposers import proposer_for
from study.specification.files import read_specification
from study.specification.levels import level_at, level_count, level_of, levels_of
from study.specification.space import baseline_parameters, search_space, searched_part
from study.specification.spec import Sampler

STEPS = st.sampled_from(["0.1", "0.05", "0.25", "0.01", "0.001"])


@given(low=st.integers(1, 50), steps=st.integers(0, 20), step=st.integers(1, 5))
def test_the_levels_of_a_whole_range_are_those_that_its_steps_reach(low, steps, step):
    whole = IntDistribution(low, low + steps * step, step=step)
    levels = [level_at(whole, index) for index in range(level_count(whole))]
    assert levels == [low + i * step for i in range(steps + 1)]


@given(first=st.integers(-40, 40), steps=st.integers(0, 60), step=STEPS)
def test_the_levels_of_a_stepped_range_are_decimals_without_rounding_in_them(first, steps, step):
    digits = len(step) - 2
    exact = [round((first + i) * float(step), digits) for i in range(steps + 1)]
    stepped = FloatDistribution(exact[0], exact[-1], step=float(step))
    assert [level_at(stepped, index) for index in range(level_count(stepped))] == exact


@given(steps=st.integers(1, 60), step=STEPS, data=st.data())
def test_a_number_that_was_added_up_from_steps_is_the_level_that_was_meant(steps, step, data):
    width = float(step)
    stepped = FloatDistribution(0.0, round(steps * width, 3), step=width)
    index = data.draw(st.integers(0, steps))
    for spelling in (index * width, math.fsum([width] * index), sum([width] * index)):
        assert level_of(stepped, spelling) == level_at(stepped, index)
    between = (index + 0.3) * width
    with pytest.raises(ValueError, match=r"not reached|outside"):
        level_of(stepped, between)


@pytest.mark.parametrize(
    ("distribution", "value", "level"),
    [
        (IntDistribution(1, 4), 2.0, 2),
        (FloatDistribution(0.0, 2.0), 1, 1.0),
        (CategoricalDistribution([1, 2]), 1.0, 1),
        (CategoricalDistribution([None, 5]), None, None),
    ],
)
def test_a_level_is_the_same_however_it_is_spelt(distribution, value, level):
    found = level_of(distribution, value)
    assert (found, type(found)) == (level, type(level))


@pytest.mark.parametrize("value", [2.5, 0, 5, True, "2", None, [2], math.nan, math.inf, 10**400])
@pytest.mark.parametrize("distribution", [IntDistribution(1, 4), FloatDistribution(1.0, 2.2)])
def test_what_is_no_level_is_refused_with_a_short_reason(distribution, value):
    with pytest.raises(ValueError, match=r" is (no|not|outside) ") as refused:
        level_of(distribution, value)
    assert len(str(refused.value)) < 200


def test_truth_is_not_the_number_one():
    with pytest.raises(ValueError, match="true is none of its choices, 1, 2"):
        level_of(CategoricalDistribution([1, 2]), True)


@pytest.mark.parametrize("sampler", sorted(Sampler))
def test_every_sampler_proposes_exact_levels_alone(sampler):
    spec = read_specification(
        "xor",
        overrides=[
            f"sampler={sampler}",
            "search={dropout: {low: 0.0, high: 0.9, step: 0.1}, depth: {low: 1, high: 9, step: 2}}",
        ],
    )
    proposals = proposer_for(spec).propose(range(25), [{}] * 25)
    assert {p["dropout"] for p in proposals} <= {i / 10 for i in range(10)}
    assert {p["depth"] for p in proposals} <= {1, 3, 5, 7, 9}


def test_a_baseline_is_taken_at_the_level_that_it_is_near():
    search = "search.dropout={low: 0.0, high: 0.5, step: 0.1}"
    spec = read_specification("xor", overrides=[search, f"baseline=[{{dropout: {0.1 + 0.2!r}}}]"])
    assert baseline_parameters(spec) == [{"dropout": 0.3}]


@given(size=st.integers(1, 3000), seed=st.integers(0, 2**32), limit=st.sampled_from([0, 2**24]))
def test_a_permutation_gives_every_number_below_its_size_once(size, seed, limit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(permutation, "MOST_WRITTEN_OUT", limit)
        shuffled = Permutation(size, SeedSequence(seed))
        assert sorted(shuffled[number] for number in range(size)) == list(range(size))


@given(size=st.integers(2**24 + 1, 10**40), data=st.data())
def test_numbers_of_a_size_that_cannot_be_written_out_go_to_different_places(size, data):
    numbers = data.draw(st.sets(st.integers(0, size - 1), min_size=2, max_size=20))
    shuffled = Permutation(size, SeedSequence(0))
    places = {shuffled[number] for number in numbers}
    assert len(places) == len(numbers)
    assert all(0 <= place < size for place in places)


@given(size=st.integers(2, 500), seed=st.integers(0, 2**32))
def test_a_small_grid_keeps_the_order_in_which_studies_were_begun(size, seed):
    shuffled = Permutation(size, SeedSequence(seed))
    expected = default_rng(SeedSequence(seed)).permutation(size).tolist()
    assert [shuffled[number] for number in range(size)] == expected


HUGE = (
    "search={batch_size: {low: 1, high: 2000000000}, "
    "dropout: {low: 0.0, high: 0.9, step: 1.0e-9}, width: {low: 1, high: 65536}}"
)


@pytest.mark.parametrize("sampler", sorted(Sampler))
def test_what_a_range_spans_costs_no_sampler_anything(sampler):
    spec = read_specification("xor", overrides=[f"sampler={sampler}", HUGE])
    space, proposer = search_space(spec), proposer_for(spec)
    first = proposer.propose(range(12), [{}] * 12)
    proposer.add_results(
        FinishedTrial(number, TrialState.COMPLETE, values=[number / 12]) for number in range(12)
    )
    for proposal in (*first, *proposer.propose(range(12, 14), [{}] * 2)):
        for name, value in proposal.items():
            found = level_of(space[name], value)
            assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "search",
    [
        "search.dropout={low: 0.0, high: 0.9, step: 1.0e-17}",
        "search.batch_size={low: 1, high: 100000000000000000}",
    ],
)
def test_levels_that_doubles_do_not_tell_apart_are_refused(search):
    with pytest.raises(InvalidInput, match="does not tell apart"):
        read_specification("xor", overrides=[search])


@pytest.mark.parametrize("name", ["a\nb|c", "x" * 3000, "\x1b[2J"])
def test_a_name_that_nobody_would_give_is_one_short_line_in_a_refusal(name):
    spec = read_specification("digits")
    for refuse in (partial(searched_part, spec), partial(levels_of, search_space(spec))):
        with pytest.raises(ValueError, match=r"unknown|not searched") as refused:
            refuse({name: 1})
        assert str(refused.value).isprintable()
        assert len(str(refused.value)) < 200
