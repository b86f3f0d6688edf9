"""Which networks share a program."""

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.configuration import Configuration, Topology, TrainingSettings
from workers.networks.network import (
    GPU_OVERHEAD,
    LARGEST_PROGRAM,
    OVERHEAD,
    batch_rows,
    cheapest_stretches,
    cohort_key,
    enumerate_networks,
    group_networks,
)
from workers.networks.shapes import LARGEST_ROWS
from workers.segment import TrialWork

EXAMPLES = [1000, 1001]
configurations = st.builds(
    Configuration,
    topology=st.sampled_from(Topology),
    width=st.integers(1, 140),
    ensemble_size=st.integers(1, 70),
    batch_size=st.integers(1, 300),
    train_fraction=st.floats(0.01, 1.0),
)


def networks_of(*configurations):
    trials = [TrialWork(number, own) for number, own in enumerate(configurations)]
    return enumerate_networks(trials, TrainingSettings(replicates=2))


def rows_in(program):
    return {batch_rows(network, EXAMPLES[network.replicate]) for network in program}


@settings(deadline=None)
@given(st.lists(configurations, min_size=1, max_size=12), st.sampled_from([OVERHEAD, GPU_OVERHEAD]))
def test_every_network_is_in_one_program_with_others_of_its_shape(drawn, overhead):
    networks = networks_of(*drawn)
    programs = group_networks(networks, EXAMPLES, overhead)
    assert sorted(map(repr, networks)) == sorted(repr(n) for own in programs for n in own)
    for program in programs:
        assert len(program) <= 1.5 * LARGEST_PROGRAM
        assert len({cohort_key(network.configuration)[:2] for network in program}) == 1
        rows = rows_in(program)
        assert max(rows) <= max(8, 2 * min(rows))
        assert len(rows) == 1 or max(rows) <= LARGEST_ROWS


def test_a_few_narrow_networks_share_steps_and_many_do_not_pad_for_one_another():
    two_sizes = Configuration(width=8, batch_size=36), Configuration(width=8, batch_size=64)
    assert len(group_networks(networks_of(*two_sizes), EXAMPLES)) == 1
    many = [own for own in two_sizes for _ in range(30)]
    assert [len(rows_in(own)) for own in group_networks(networks_of(*many), EXAMPLES)] == [1, 1]


def test_networks_that_see_few_examples_do_not_wait_for_those_that_see_all():
    few, every = (Configuration(width=64, train_fraction=share) for share in (0.1, 1.0))
    programs = group_networks(networks_of(*[few] * 20, *[every] * 20), EXAMPLES)
    assert {len({n.configuration for n in program}) for program in programs} == {1}


@given(
    st.dictionaries(
        st.tuples(st.sampled_from([8, 16, 24, 32]), st.integers(1, 9)),
        st.integers(1, 20),
        min_size=1,
        max_size=7,
    ),
    st.floats(0.1, 100.0),
)
def test_no_other_division_into_stretches_costs_less(counts, overhead):
    def cost(stretches):
        return sum(
            max(steps for _, steps in own)
            * (overhead + sum(counts[shape] for shape in own) * max(rows for rows, _ in own) / 64)
            for own in stretches
        )

    shapes = sorted(counts)
    found = cheapest_stretches(counts, overhead)
    assert [shape for own in found for shape in own] == shapes
    for cuts in range(2 ** (len(shapes) - 1)):
        other = [[shapes[0]]]
        for place, shape in enumerate(shapes[1:]):
            if cuts >> place & 1:
                other.append([shape])
            else:
                other[-1].append(shape)
        assert cost(found) <= cost(other) * (1 + 1e-9)
