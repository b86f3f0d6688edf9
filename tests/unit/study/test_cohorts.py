"""Which trials are trained together."""

from hypothesis import given
from hypothesis import strategies as st

from study.cohorts import cohort_key, networks, pack
from workers.configuration import Configuration, Topology
from workers.segment import TrialWork

configurations = st.builds(
    Configuration,
    topology=st.sampled_from(list(Topology)),
    depth=st.integers(1, 10),
    width=st.integers(1, 200),
    ensemble_size=st.integers(1, 8),
)


@st.composite
def ready_trials(draw):
    listed = draw(st.lists(configurations, max_size=30))
    return [TrialWork(number, configuration) for number, configuration in enumerate(listed)]


@given(ready=ready_trials(), replicates=st.integers(1, 5), slots=st.integers(1, 8))
def test_packing_loses_no_trial_and_repeats_none(ready, replicates, slots):
    cohorts = pack(ready, replicates=replicates, slots=slots)
    assert sorted(work.trial for cohort in cohorts for work in cohort) == [w.trial for w in ready]
    assert all(cohorts)


@given(ready=ready_trials(), slots=st.integers(1, 8))
def test_only_trials_with_equal_keys_are_fused(ready, slots):
    for cohort in pack(ready, replicates=2, slots=slots):
        assert len({cohort_key(work.configuration) for work in cohort}) == 1


@given(ready=ready_trials(), slots=st.integers(1, 8))
def test_every_slot_gets_a_cohort_where_there_are_trials_enough(ready, slots):
    assert len(pack(ready, replicates=1, slots=slots)) >= min(slots, len(ready))


def test_equal_trials_make_cohorts_of_the_target_size():
    ready = [TrialWork(n, Configuration(ensemble_size=2)) for n in range(64)]
    cohorts = pack(ready, replicates=2, slots=2, target=64)
    assert [sum(networks(work, 2) for work in cohort) for cohort in cohorts] == [64] * 4


def test_ranges_of_everything_still_fill_cohorts():
    ready = [
        TrialWork(n, Configuration(depth=1 + n % 8, width=5 + n, dropout=n / 100))
        for n in range(64)
    ]
    cohorts = pack(ready, replicates=4, slots=2, target=64)
    sizes = [sum(networks(work, 4) for work in cohort) for cohort in cohorts]
    assert sum(sizes) / len(sizes) >= 50
