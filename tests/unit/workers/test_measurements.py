"""Schedules, sizes and metrics: small functions against what they say."""

import numpy as np
import pytest
import torch

from workers.configuration import (
    Activation,
    Configuration,
    RecurrentCell,
    Topology,
    TrainingSettings,
)
from workers.data import DataSource, dataset_from_memory, load_dataset
from workers.networks.network import Network
from workers.networks.shapes import width_bucket
from workers.networks.topologies.registry import count_parameters
from workers.segment import Segment, TrialWork
from workers.tasks.classification import ClassCounts, Classification
from workers.training.examples import prepare_examples
from workers.training.measurements import evaluation_epochs
from workers.training.metrics import GroundTruth, scores, subsets_of_members
from workers.training.program import Program
from workers.training.train import train_segment


@pytest.mark.parametrize("epochs", [1, 2, 7, 30, 1000])
@pytest.mark.parametrize("evaluations", [1, 2, 20])
def test_looks_are_few_ascending_and_end_with_the_last_epoch(epochs, evaluations):
    looks = evaluation_epochs(epochs, evaluations)
    assert looks[-1] == epochs
    assert list(looks) == sorted(set(looks))
    assert len(looks) <= min(evaluations, epochs)
    assert looks[0] >= 1


def test_width_buckets_are_multiples_of_eight_and_waste_at_most_a_quarter():
    for width in range(1, 600):
        bucket = width_bucket(width)
        assert bucket % 8 == 0
        assert width <= bucket <= max(8, width + 7, width * 1.25)


@pytest.mark.parametrize("topology", list(Topology))
@pytest.mark.parametrize("activation", [Activation.RELU, Activation.MAXOUT])
@pytest.mark.parametrize("cell", list(RecurrentCell))
def test_parameters_are_counted_without_padding(topology, activation, cell):
    settings = TrainingSettings(replicates=1, recurrent_cell=cell)
    dataset = dataset_from_memory(
        np.random.default_rng(0).normal(size=(30, 7)), np.arange(30) % 3, DataSource("arrays")
    )
    examples = prepare_examples(dataset, 0, 1, 0.0, torch.float32, torch.device("cpu"))
    configuration = Configuration(topology=topology, activation=activation, depth=3, width=11)
    program = Program((Network(0, configuration, 0, 0),), examples, settings, 0)
    blocks = program.parameters.networks[0]
    counted = sum(block.parameter.fan_in * block.parameter.fan_out for block in blocks)
    assert count_parameters(configuration, settings, 7, 3) == counted


def truth_of(labels, counts):
    index = np.arange(len(labels))
    task = Classification(tuple(map(str, range(len(counts)))))
    return GroundTruth(
        task, ClassCounts(tuple(counts)), np.array(labels), np.array(labels), index, index, index
    )


def test_ties_go_to_the_most_frequent_training_class():
    truth = truth_of([0, 1, 2], [2, 5, 3])
    tied = np.full((3, 3), 1 / 3)
    assert truth.score(tied).tolist() == [False, True, False]
    two = np.array([[0.4, 0.4, 0.4], [0.2, 0.2, 0.2], [0.4, 0.4, 0.4]])
    assert truth.score(two).tolist() == [True, False, False]


def test_accuracies_are_those_of_the_largest_probability():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), 50).T
    labels = rng.integers(0, 4, 50)
    expected = (probabilities.argmax(0) == labels).mean()
    assert scores(probabilities, truth_of(labels, [5] * 4))[2] == pytest.approx(expected)


def test_subsets_are_all_of_them_up_to_eight_members_and_sixty_four_beyond():
    assert len(subsets_of_members(8, 4)) == 70
    assert len(subsets_of_members(12, 5)) == 64
    assert all(len(set(s)) == 5 for s in subsets_of_members(12, 5))


def test_a_replicate_is_measured_consistently():
    dataset = load_dataset(DataSource("wine"))
    configuration = Configuration(ensemble_size=3, learning_rate=0.01, width=16)
    settings = TrainingSettings(epochs=10, replicates=2)
    segment = Segment((TrialWork(4, configuration),), settings, 1, 0, 10, label_noise=0.2)
    report, _ = train_segment(segment, dataset, device="cpu")
    (trial,) = report.trials
    for replicate in trial.replicates:
        last = replicate.members[2]
        assert last.first_test_accuracy == replicate.test_accuracy
        assert last.subset_test_accuracy == replicate.test_accuracy
        singles = [member.test_accuracy for member in replicate.members]
        assert replicate.members[0].subset_test_accuracy == pytest.approx(np.mean(singles))
        assert replicate.curve[-1].test_accuracy == replicate.test_accuracy
        assert [point.epoch for point in replicate.curve] == list(evaluation_epochs(10, 20))
        bits = np.unpackbits(np.frombuffer(replicate.test_correct, np.uint8))
        right = bits[: replicate.test_examples]
        assert right.mean() == pytest.approx(replicate.test_accuracy)
        assert replicate.train_accuracy_clean != replicate.train_accuracy
        assert [(s.layer, s.epoch) for s in replicate.layers] == [(1, 0), (2, 0), (1, 10), (2, 10)]
    assert trial.parameters == count_parameters(configuration, settings, 13, 3)
