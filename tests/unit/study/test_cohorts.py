"""Which trials are trained together."""

from hypothesis import given
from hypothesis import strategies as st

from study.coordinator.cohorts import ReadyTrial, networks, pack, work_of
from workers.configuration import Configuration, Topology
from workers.networks.network import cohort_key
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
    listed = draw(st.lists(st.tuples(configurations, st.sampled_from([0, 3, 9])), max_size=30))
    return [ReadyTrial(TrialWork(n, c), epoch) for n, (c, epoch) in enumerate(listed)]


def candidates(*listed: Configuration) -> list[ReadyTrial]:
    return [ReadyTrial(TrialWork(n, configuration)) for n, configuration in enumerate(listed)]


@given(ready=ready_trials(), replicates=st.integers(1, 5), slots=st.integers(1, 8))
def test_packing_loses_no_trial_and_repeats_none(ready, replicates, slots):
    cohorts = pack(ready, replicates=replicates, slots=slots)
    packed = sorted(candidate.work.trial for cohort in cohorts for candidate in cohort)
    assert packed == [candidate.work.trial for candidate in ready]
    assert all(cohorts)


@given(ready=ready_trials(), slots=st.integers(1, 8))
def test_trials_are_trained_together_only_after_the_same_epoch(ready, slots):
    for cohort in pack(ready, replicates=2, slots=slots):
        assert len({candidate.epoch for candidate in cohort}) == 1


@given(ready=ready_trials(), slots=st.integers(1, 8))
def test_every_slot_gets_a_cohort_where_there_are_trials_enough(ready, slots):
    assert len(pack(ready, replicates=1, slots=slots)) >= min(slots, len(ready))


def test_equal_trials_make_cohorts_of_the_target_size():
    ready = candidates(*[Configuration(ensemble_size=2)] * 64)
    cohorts = pack(ready, replicates=2, slots=2, target=64)
    assert [sum(networks(c.work, 2) for c in cohort) for cohort in cohorts] == [64] * 4


def test_trials_of_one_shape_stay_together():
    ready = candidates(*[Configuration(width=width) for width in (8, 64) * 20])
    first, second = pack(ready, replicates=1, slots=2, target=1000)
    keys = [{cohort_key(c.work.configuration) for c in cohort} for cohort in (first, second)]
    assert keys[0] & keys[1] <= {cohort_key(Configuration(width=64))}


def test_cohorts_have_alike_work():
    ready = candidates(
        *[Configuration(depth=1 + n % 8, ensemble_size=1 + n % 5) for n in range(80)]
    )
    loads = [
        sum(work_of(c.work, 1) for c in cohort) for cohort in pack(ready, replicates=1, slots=4)
    ]
    assert max(loads) < 1.3 * min(loads)


def test_ranges_of_everything_still_fill_cohorts():
    ready = candidates(
        *[Configuration(depth=1 + n % 8, width=5 + n, dropout=n / 100) for n in range(64)]
    )
    cohorts = pack(ready, replicates=4, slots=2, target=64)
    sizes = [sum(networks(c.work, 4) for c in cohort) for cohort in cohorts]
    assert sum(sizes) / len(sizes) >= 50
