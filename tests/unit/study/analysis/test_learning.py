"""Who learned: asked of the training set, so that the worst overfitters stay in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.analysis.learning import associated, learned, memorized
from tests.unit.study.report.situations import situation


def answers(rule, **kind):
    m = situation(trials=1, **kind)
    return bool(rule(m.results, m.splits).iloc[0])


def test_a_network_that_knows_its_training_set_by_heart_has_learned():
    by_heart = {"accuracy": 0.87, "train_accuracy": 1.0, "train_loss": 0.01, "majority": 0.9}
    assert answers(learned, **by_heart, balanced=0.5)
    assert answers(memorized, **by_heart, balanced=0.5, test_loss=0.9)


@pytest.mark.parametrize(
    "better", [{"accuracy": 0.95}, {"balanced": 0.8}, {"test_loss": 0.2}], ids=str
)
def test_a_network_that_is_better_than_a_constant_in_any_way_did_not_only_memorize(better):
    by_heart = {
        "accuracy": 0.87, "train_accuracy": 1.0, "train_loss": 0.01, "majority": 0.9,
        "balanced": 0.5, "test_loss": 0.9,
    }  # fmt: skip
    assert not answers(memorized, **(by_heart | better))


def test_a_network_that_knows_how_frequent_classes_are_has_learned_nothing():
    entropy = -0.9 * np.log(0.9) - 0.1 * np.log(0.1)
    constant = {"accuracy": 0.9, "train_accuracy": 0.9, "majority": 0.9, "balanced": 0.5}
    assert not answers(learned, **constant, train_loss=entropy)
    # Of 1,000 examples a hundredth of a nat is beyond what chance gives to one frequency.
    assert not answers(learned, **constant, train_loss=entropy - 0.001)
    assert answers(learned, **constant, train_loss=entropy - 0.01)


def test_a_network_that_is_sure_of_its_mistakes_has_learned_if_it_is_often_right():
    assert answers(learned, train_loss=3.0, balanced=0.85)
    assert not answers(learned, train_loss=3.0, balanced=0.51)


def test_where_classes_were_not_recorded_train_accuracy_is_asked():
    assert answers(learned, classes_recorded=False, train_accuracy=0.6)
    assert not answers(learned, classes_recorded=False, train_accuracy=0.5)
    assert not answers(memorized, classes_recorded=False, train_accuracy=1.0, accuracy=0.4)


@given(st.lists(st.integers(5, 60), min_size=2, max_size=5), st.integers(0, 2**32 - 1))
def test_the_error_of_balanced_accuracy_is_an_upper_bound_of_that_over_permutations(counts, seed):
    generator = np.random.default_rng(seed)
    classes, examples = len(counts), sum(counts)
    labels = np.repeat(np.arange(classes), counts)
    weights = generator.dirichlet(np.ones(classes))
    predicted = generator.choice(classes, examples, p=weights)
    scores = []
    for _ in range(400):
        permuted = generator.permutation(labels)
        hits = np.bincount(permuted[predicted == permuted], minlength=classes)
        scores.append(float((hits / np.array(counts)).mean()))
    m = situation(trials=1)
    splits = m.splits.assign(test_classes=[np.array(counts)] * len(m.splits))
    bound = 1 / classes + 1.645 * np.std(scores) * 0.85
    barely = m.results.assign(balanced_test_accuracy=bound)
    assert not associated(barely, splits).iloc[0]
    assert np.mean(scores) == pytest.approx(1 / classes, abs=5 * np.std(scores) / 20 + 1e-9)
