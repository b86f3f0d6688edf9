"""A trial on shuffled labels: what it learns by heart, and what the control can and cannot see."""

from pathlib import Path

import numpy as np
import pytest

from study.errors import InvalidInput
from study.launching.control import above_chance, control, sentences
from study.launching.launch import launch
from study.specification.files import validated
from workers.data import DataSource, dataset_from_memory, split_dataset
from workers.data.splitting import shuffled_labels

MEMORIZING = {
    "name": "control",
    "data": {"source": "memory"},
    "search": {"depth": [1, 2], "width": 64, "learning_rate": 0.02},
    "training": {"epochs": 40, "replicates": 2},
    "sampler": "grid",
}


def clouds(rows=160):
    """Two clouds far apart, a class each: easy, and few clusters for shuffled labels to hit."""
    labels = np.arange(rows) % 2
    features = np.random.default_rng(0).normal(size=(rows, 12)) + 2.0 * labels[:, None]
    return features, labels


def copied():
    """Noise, every row six times: test accuracy is what was learned by heart."""
    generator = np.random.default_rng(1)
    features, labels = generator.normal(size=(40, 12)), np.arange(40) % 2
    return np.tile(features, (6, 1)), np.tile(labels, 6)


@pytest.fixture
def studied(tmp_path):
    """Run the study of some data; the URL of its database."""

    def run(data, **changes):
        url = f"sqlite:///{tmp_path / 'study.db'}"
        launch(validated(MEMORIZING | changes, "control"), data=data, storage=url, ray="serial")
        return url

    return run


def test_shuffled_labels_are_those_of_training_in_an_order_of_their_own():
    data = dataset_from_memory(*clouds(), DataSource("memory"))
    train = split_dataset(data, 0, 0).train
    rest = np.setdiff1d(np.arange(160), train)
    first = shuffled_labels(data.target, train, 0, 0, 0)
    assert np.array_equal(first[rest], data.target[rest])
    assert sorted(first[train]) == sorted(data.target[train])
    for name in ((0, 0, 1), (0, 1, 0), (1, 0, 0)):
        assert not np.array_equal(first, shuffled_labels(data.target, train, *name))
    assert np.array_equal(first, shuffled_labels(data.target, train, 0, 0, 0))


def test_clean_data_are_learned_by_heart_and_tested_by_chance(studied, tmp_path):
    url = studied(clouds())
    before = (tmp_path / "study.db").read_bytes()
    found = control("control", url, data=clouds())
    assert found.shuffles == 20
    assert found.train_accuracy > 0.9
    assert found.gap > 0.3
    assert found.recorded_gap < 0.1
    assert found.chance == 0.5
    assert not found.beats_chance
    learned, guessed = sentences(found)
    assert "learned by heart" in learned
    assert "no better than chance" in guessed
    assert "warning" not in guessed
    assert (tmp_path / "study.db").read_bytes() == before


def test_labels_that_reach_the_networks_otherwise_are_a_leak(studied, monkeypatch):
    """The defect that the control is there to find: a training that sees what it must not."""
    url = studied(clouds())
    monkeypatch.setattr("workers.training.examples.shuffled_labels", lambda labels, *_: labels)
    found = control("control", url, data=clouds())
    assert found.beats_chance
    assert sentences(found)[1].startswith("warning: balanced test accuracy")


def test_copies_of_test_rows_are_not_what_the_control_can_see(studied):
    """Networks that learned shuffled labels by heart say shuffled labels of the copies."""
    found = control("control", studied(copied()), data=copied())
    assert not found.beats_chance
    assert "says nothing of copies" in sentences(found)[1]


def test_early_stopping_by_true_validation_labels_is_no_leak(studied):
    stopping = {"search": MEMORIZING["search"] | {"early_stopping_patience": 3}}
    found = control("control", studied(clouds(), **stopping), data=clouds())
    assert not found.beats_chance


def test_a_truth_table_has_no_rows_to_guess(tmp_path):
    table = MEMORIZING | {"data": {"source": "xor"}, "name": "table"}
    url = f"sqlite:///{Path(tmp_path) / 'study.db'}"
    launch(validated(table, "table"), storage=url, ray="serial")
    with pytest.raises(InvalidInput, match="truth table"):
        control("table", url)


def test_chance_is_judged_over_permutations_and_not_over_rows():
    together = np.array([1.0, 0.0] * 11)  # a cluster a class: all test rows right, or none
    assert above_chance(together, 0.5) == pytest.approx(0.5)
    assert above_chance(np.full(20, 0.5), 0.5) == 1.0
    assert above_chance(np.full(20, 1.0), 0.5) == 0.0
    assert above_chance(np.linspace(0.5, 0.6, 20), 0.5) < 0.001
    assert above_chance(np.linspace(0.4, 0.5, 20), 0.5) > 0.99
