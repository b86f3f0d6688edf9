"""The classic lessons on real training, against shares that a plain loop reached elsewhere.

XOR, 9 hidden layers of width 5, all four points in a batch, 5,000 steps; the reference counts are
of 64 seeds. Two such counts agree if Fisher's exact test does not tell them apart at 0.1 %.
"""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from workers.configuration import (
    Activation,
    Configuration,
    Initialization,
    Optimizer,
    TrainingSettings,
)
from workers.data import DataSource, load_dataset
from workers.segment import Segment, TrialWork
from workers.training.train import train_segment

SEEDS = 16
REFERENCE_SEEDS = 64


def deep(activation, initialization, optimizer=Optimizer.SGD, learning_rate=0.1):
    return Configuration(
        depth=9,
        width=5,
        activation=activation,
        initialization=initialization,
        optimizer=optimizer,
        learning_rate=learning_rate,
        batch_size=4,
    )


REFERENCE = {
    deep(Activation.SIGMOID, Initialization.UNIFORM): 0.00,
    deep(Activation.RELU, Initialization.UNIFORM): 0.53,
    deep(Activation.RELU, Initialization.HE_NORMAL): 0.48,
    deep(Activation.LEAKY_RELU, Initialization.HE_NORMAL): 1.00,
    deep(Activation.TANH, Initialization.UNIFORM): 1.00,
    deep(Activation.ELU, Initialization.HE_NORMAL): 0.98,
    deep(Activation.SIGMOID, Initialization.UNIFORM, Optimizer.ADAM, 0.01): 0.62,
}


def train(configurations, source, epochs, replicates):
    trials = tuple(TrialWork(i, c) for i, c in enumerate(configurations))
    settings = TrainingSettings(epochs=epochs, replicates=replicates, evaluations=1)
    segment = Segment(trials, settings, 0, 0, epochs)
    report, _ = train_segment(segment, load_dataset(DataSource(source)), device="cpu")
    return [trial.replicates for trial in report.trials]


@pytest.fixture(scope="module")
def solved():
    """Per configuration the replicates of one cohort that holds them all."""
    return dict(zip(REFERENCE, train(REFERENCE, "xor", 5_000, SEEDS), strict=True))


@pytest.mark.parametrize("configuration", REFERENCE, ids=lambda c: f"{c.activation}-{c.optimizer}")
def test_as_many_seeds_solve_xor_as_in_a_plain_loop(solved, configuration):
    reached = sum(r.train_accuracy == 1.0 for r in solved[configuration])
    expected = round(REFERENCE[configuration] * REFERENCE_SEEDS)
    table = [[reached, SEEDS - reached], [expected, REFERENCE_SEEDS - expected]]
    assert fisher_exact(table).pvalue > 0.001, f"{reached} of {SEEDS}"


def test_deep_sigmoid_networks_stay_at_chance_because_the_gradient_vanishes(solved):
    replicates = solved[deep(Activation.SIGMOID, Initialization.UNIFORM)]
    assert np.mean([r.train_accuracy for r in replicates]) == pytest.approx(0.5, abs=0.05)
    first = np.array([r.layers[0].gradient_norm for r in replicates])
    last = np.array([r.layers[8].gradient_norm for r in replicates])
    assert replicates[0].layers[0].epoch == 0
    assert 1e-9 < np.median(first) < 1e-5
    assert np.median(last / first) > 1e3


def test_zeros_never_learn():
    zeros = [
        Configuration(activation=a, initialization=Initialization.ZEROS, learning_rate=0.01)
        for a in (Activation.RELU, Activation.TANH, Activation.MAXOUT)
    ]
    for replicates in train(zeros, "iris", 30, 2):
        for replicate in replicates:
            assert replicate.train_accuracy == pytest.approx(1 / 3, abs=0.02)
            assert replicate.layers[0].gradient_norm == 0.0


def test_he_keeps_the_spread_of_activations_where_small_weights_let_it_collapse():
    schemes = Initialization.HE_NORMAL, Initialization.NORMAL
    deep_relu = [Configuration(depth=10, width=128, initialization=s) for s in schemes]
    (he, *_), (small, *_) = train(deep_relu, "digits", 1, 1)
    spread = [layer.activation_std for layer in he.layers if layer.epoch == 0]
    collapsed = [layer.activation_std for layer in small.layers if layer.epoch == 0]
    assert len(spread) == 10
    assert max(spread) / min(spread) < 3.0
    assert collapsed[9] < 1e-6 * collapsed[0]


def test_dropout_and_more_data_narrow_the_gap_on_noisy_data():
    plain = Configuration(depth=2, width=64, learning_rate=3e-3, train_fraction=0.5)
    cured = Configuration(depth=2, width=64, learning_rate=3e-3, dropout=0.5)
    gaps = [
        np.mean([r.train_accuracy - r.test_accuracy for r in replicates])
        for replicates in train([plain, cured], "noisy", 60, 3)
    ]
    assert gaps[1] < gaps[0] - 0.03
