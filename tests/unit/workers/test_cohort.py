"""Alone equals together: no bit of a network depends on who is trained beside it."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from workers.configuration import (
    Activation,
    Configuration,
    Initialization,
    Optimizer,
    RecurrentCell,
    Topology,
    TrainingSettings,
)
from workers.data import DataSource, dataset_from_memory
from workers.segment import Segment, TrialWork
from workers.training.states import CohortState
from workers.training.train import train_segment

TRAINING = TrainingSettings(epochs=3, replicates=2)


def made_up_data(classes=3, examples=70, features=9):
    rng = np.random.default_rng(3)
    target = np.arange(examples) % classes
    numbers = rng.normal(size=(examples, features)) + 0.8 * target[:, None]
    return dataset_from_memory(numbers, target, DataSource("arrays"))


DATA = made_up_data()
BINARY = made_up_data(classes=2)

WIRINGS = [
    *((topology, RecurrentCell.SIMPLE) for topology in Topology),
    (Topology.RECURRENT, RecurrentCell.GATED),
]

configurations = st.builds(
    Configuration,
    topology=st.sampled_from(Topology),
    depth=st.integers(1, 10),
    width=st.sampled_from([1, 5, 8, 13, 16, 24, 32, 40]),
    activation=st.sampled_from(Activation),
    initialization=st.sampled_from(Initialization),
    dropout=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    ensemble_size=st.integers(1, 2),
    learning_rate=st.sampled_from([1e-3, 1e-1, 1e6]),
    weight_decay=st.sampled_from([0.0, 1e-2]),
    batch_size=st.integers(1, 80),
    optimizer=st.sampled_from(Optimizer),
    train_fraction=st.sampled_from([0.3, 1.0]),
    early_stopping_patience=st.sampled_from([None, 1, 2]),
)


def works(drawn):
    return tuple(TrialWork(number, configuration) for number, configuration in enumerate(drawn))


def segment(trials, first=0, last=TRAINING.epochs, training=TRAINING, noise=0.1):
    return Segment(tuple(trials), training, 17, first, last, noise)


def everything_of(report, state, trial):
    """All that a trial's training leaves behind, except the time it took."""
    measured = next(t for t in report.trials if t.trial == trial)
    (kept,) = state.select([trial]).trials
    networks = {
        key: [
            part if part is None or np.isscalar(part) else part.tobytes()
            for part in (n.weights, n.first, n.second, n.best, n.steps, n.stopped, n.diverged)
        ]
        for key, n in sorted(kept.networks.items())
    }
    return replace(measured, seconds=0.0), networks


def assert_same(together, alone, trial):
    (measured, networks), (expected, others) = (
        everything_of(*together, trial),
        everything_of(*alone, trial),
    )
    assert measured == expected
    for key, own in others.items():
        if not own[-1]:  # the weights of a diverged network mean nothing
            assert networks[key] == own


# A failing cohort is shown as it was drawn: making it smaller takes hundreds of trainings.
DRAWN_ONCE = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


@settings(DRAWN_ONCE, max_examples=25)
@given(st.lists(configurations, min_size=2, max_size=8), st.booleans())
def test_a_network_trained_alone_equals_the_same_network_in_a_cohort(drawn, binary):
    data = BINARY if binary else DATA
    trials = works(drawn)
    together = train_segment(segment(trials), data)
    for work in trials[:3]:
        alone = train_segment(segment([work]), data)
        assert_same(together, alone, work.trial)


gated_configurations = configurations.map(lambda c: replace(c, topology=Topology.RECURRENT))


@settings(DRAWN_ONCE, max_examples=10)
@given(st.lists(gated_configurations, min_size=3, max_size=6), st.integers(1, 2))
def test_gated_cells_alone_together_and_restored_are_equal_to_the_bit(drawn, cut):
    training = replace(TRAINING, recurrent_cell=RecurrentCell.GATED)
    trials = works(drawn)
    whole = train_segment(segment(trials, training=training), DATA)
    alone = train_segment(segment(trials[:1], training=training), DATA)
    assert_same(whole, alone, 0)
    _, state = train_segment(segment(trials[1:], last=cut, training=training), DATA)
    state = pickle.loads(pickle.dumps(state))
    rest = train_segment(segment(trials[1:2], first=cut, training=training), DATA, [state])
    assert_same(rest, whole, 1)


@settings(DRAWN_ONCE, max_examples=15)
@given(st.lists(configurations, min_size=3, max_size=6), st.integers(1, 2))
def test_dropping_splitting_merging_and_restoring_change_no_bit(drawn, cut):
    trials = works(drawn)
    whole = train_segment(segment(trials), DATA)
    _, left = train_segment(segment(trials[:2], last=cut), DATA)
    _, right = train_segment(segment(trials[1:], last=cut), DATA)
    left, right = pickle.loads(pickle.dumps((left, right)))
    merged = left.select([0]).merge(right)
    crossed = train_segment(segment([trials[-1], trials[0]], first=cut), DATA, [merged])
    rest = train_segment(segment(trials[1:2], first=cut), DATA, [left, right])
    assert_same(crossed, whole, 0)
    assert_same(crossed, whole, len(trials) - 1)
    assert_same(rest, whole, 1)


def every_level(topology):
    """Each activation, optimizer and initialization, depths 1 to 10, in one cohort."""
    for i, activation in enumerate(Activation):
        for j, optimizer in enumerate(Optimizer):
            yield Configuration(
                topology=topology,
                depth=1 + (i + 3 * j) % 10,
                width=16 - (j % 2),
                activation=activation,
                initialization=list(Initialization)[(2 * i + j) % 9],
                dropout=(0.0, 0.3)[(i + j) % 2],
                learning_rate=1e-2,
                weight_decay=1e-3,
                batch_size=20 + j,
                optimizer=optimizer,
            )


@pytest.mark.parametrize(("topology", "cell"), WIRINGS)
def test_a_full_cohort_of_all_levels_equals_its_networks_alone(topology, cell):
    training = TrainingSettings(epochs=2, replicates=1, recurrent_cell=cell)
    trials = works(every_level(topology))
    together = train_segment(segment(trials, last=2, training=training), DATA)
    for work in trials:
        alone = train_segment(segment([work], last=2, training=training), DATA)
        assert_same(together, alone, work.trial)


@pytest.mark.parametrize(("topology", "cell"), WIRINGS)
def test_rows_that_are_padded_for_larger_batches_stay_finite_under_dropout(topology, cell):
    """Their masks are never drawn; hundreds of steps must not make them grow."""
    training = TrainingSettings(epochs=60, replicates=1, recurrent_cell=cell)
    small = Configuration(
        topology=topology, depth=3, width=8, dropout=0.9, learning_rate=1e-3, batch_size=17
    )
    trials = works([small, replace(small, batch_size=32)])
    together = train_segment(segment(trials, last=60, training=training), DATA)
    alone = train_segment(segment(trials[:1], last=60, training=training), DATA)
    assert alone[0].trials[0].diverged == 0
    assert_same(together, alone, 0)


@pytest.mark.parametrize("batch_size", [66, 100, 130, 200, 248])
def test_large_batches_of_different_sizes_change_no_bit_of_one_another(batch_size):
    data = made_up_data(examples=600, features=64)
    training = TrainingSettings(epochs=1, replicates=1)
    trials = works(Configuration(batch_size=size) for size in (batch_size, 128, 256))
    together = train_segment(segment(trials, last=1, training=training), data)
    alone = train_segment(segment(trials[:1], last=1, training=training), data)
    assert_same(together, alone, 0)


def test_a_small_ensemble_is_the_beginning_of_a_large_one():
    small, large = (
        train_segment(segment([TrialWork(0, Configuration(ensemble_size=size))]), DATA)[0]
        for size in (2, 5)
    )
    for own, other in zip(small.trials[0].replicates, large.trials[0].replicates, strict=True):
        for member, same in zip(own.members, other.members, strict=False):
            assert member.train_loss == same.train_loss
            assert member.first_test_accuracy == same.first_test_accuracy


def test_a_diverged_network_predicts_class_frequencies_and_disturbs_nobody():
    wild = Configuration(learning_rate=1e30, optimizer=Optimizer.SGD, activation=Activation.RELU)
    calm = Configuration(activation=Activation.RELU)
    report, state = train_segment(segment(works([wild, calm])), DATA)
    alone = train_segment(segment([TrialWork(1, calm)]), DATA)
    assert report.trials[0].diverged == TRAINING.replicates
    assert report.trials[1].diverged == 0
    assert_same((report, state), alone, 1)
    for replicate in report.trials[0].replicates:
        assert replicate.members[0].diverged
        assert replicate.train_loss == pytest.approx(np.log(3), rel=0.02)
        assert np.isfinite(replicate.test_loss)


def test_a_diverged_network_stays_so_in_the_next_segment():
    wild = TrialWork(0, Configuration(learning_rate=1e30, optimizer=Optimizer.SGD))
    whole, _ = train_segment(segment([wild]), DATA)
    _, state = train_segment(segment([wild], last=2), DATA)
    rest, _ = train_segment(segment([wild], first=2), DATA, [state])
    assert replace(rest.trials[0], seconds=0) == replace(whole.trials[0], seconds=0)


def test_early_stopping_reports_the_best_epoch_and_trains_no_further():
    training = TrainingSettings(epochs=40, replicates=1)
    eager = Configuration(learning_rate=0.05, early_stopping_patience=2, width=64)
    report, state = train_segment(segment(works([eager]), last=40, training=training), DATA)
    (member,) = report.trials[0].replicates[0].members
    kept = state.trials[0].networks[0, 0]
    assert kept.stopped
    assert member.epochs == kept.best_epoch < 38
    until, _ = train_segment(
        segment(
            works([replace(eager, early_stopping_patience=None)]),
            last=kept.best_epoch,
            training=training,
        ),
        DATA,
    )
    assert until.trials[0].replicates[0].members[0].validation_loss == member.validation_loss


def test_a_segment_refuses_states_of_another_epoch():
    trials = works([Configuration()])
    _, state = train_segment(segment(trials, last=1), DATA)
    with pytest.raises(ValueError, match="no state of trial 0 after epoch 2"):
        train_segment(segment(trials, first=2), DATA, [state])
    with pytest.raises(ValueError, match="no state of trial 0"):
        train_segment(segment(trials, first=1), DATA, [CohortState()])
