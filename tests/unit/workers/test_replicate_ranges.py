"""A replicate's bits follow from its number, not from the range that it is trained in."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workers.test_cohort import DATA, DRAWN_ONCE, TRAINING, configurations
from workers.configuration import Configuration, TrainingSettings
from workers.segment import Segment, TrialWork
from workers.training.train import train_segment


def trained(configuration, numbers, *, cut=None, noise=0.1):
    """What is measured of the replicates of these numbers, by number; cut: in two segments."""
    training = replace(TRAINING, replicates=len(numbers))
    whole = Segment(
        (TrialWork(0, configuration),),
        training,
        *(17, 0, training.epochs),
        label_noise=noise,
        first_replicate=numbers.start,
    )
    if cut is None:
        report, _ = train_segment(whole, DATA)
    else:
        _, state = train_segment(replace(whole, last_epoch=cut), DATA)
        report, _ = train_segment(replace(whole, first_epoch=cut), DATA, [state])
    return {replicate.replicate: replicate for replicate in report.trials[0].replicates}


@settings(DRAWN_ONCE, max_examples=25)
@given(configurations, st.integers(0, 3), st.integers(1, 2), st.sampled_from([None, 1, 2]))
def test_a_replicate_is_the_same_in_whichever_range_it_is_trained(drawn, first, count, cut):
    whole = trained(drawn, range(5))
    part = trained(drawn, range(first, first + count), cut=cut)
    assert list(part) == list(range(first, first + count))
    for number, replicate in part.items():
        assert replicate == whole[number]


def test_replicates_beyond_those_of_a_search_are_others():
    search = trained(Configuration(), range(2))
    fresh = trained(Configuration(), range(2, 4))
    losses = {replicate.test_loss for own in (search, fresh) for replicate in own.values()}
    assert len(losses) == 4


def test_a_segment_numbers_its_replicates_from_its_first():
    segment = Segment((), TrainingSettings(replicates=3), 0, 0, 1, first_replicate=7)
    assert list(segment.replicates) == [7, 8, 9]
