"""A refit: the same configuration on validation examples as well, each network for its epochs."""

import numpy as np
import pytest

from study.launching.replay import TrainingToRepeat
from study.models.refit import refit
from study.specification.spec import StudySpec
from workers.configuration import Configuration
from workers.data import DataSource, dataset_from_memory, split_dataset
from workers.data.splitting import refit_split
from workers.segment import Segment, TrialWork

SEED = 4
REPLICATE = 1


def training(**changes):
    rng = np.random.default_rng(0)
    target = np.arange(90) % 3
    data = dataset_from_memory(
        rng.normal(size=(90, 5)) + target[:, None], target, DataSource("arrays")
    )
    spec = StudySpec.model_validate(
        {
            "name": "refit",
            "seed": SEED,
            "data": {"source": "arrays"},
            "training": {"epochs": 9, "replicates": 3},
        }
    )
    configuration = Configuration(
        **{"ensemble_size": 3, "batch_size": 16, "early_stopping_patience": 2, **changes}
    )
    segment = Segment((TrialWork(7, configuration),), spec.training.settings(), SEED, 0, 9)
    return TrainingToRepeat(spec, data, segment)


def same(left, right):
    return left.keys() == right.keys() and all((left[n] == right[n]).all() for n in left)


def test_each_network_is_trained_for_its_own_number_of_epochs():
    own = training()
    together = refit(own, REPLICATE, [5, 2, 9]).ensemble.members
    for position, epochs in enumerate([5, 2, 9]):
        alone = refit(own, REPLICATE, [epochs] * 3).ensemble.members
        for member in range(3):
            assert same(alone[member], together[position]) == (member == position)


def test_validation_examples_are_learned_and_test_examples_are_not():
    own = training(train_fraction=0.8)
    measured = split_dataset(own.dataset, SEED, REPLICATE)
    refitted = refit_split(own.dataset, SEED, REPLICATE)
    both = np.concatenate([measured.train, measured.validation])
    assert sorted(refitted.train) == sorted(both)
    assert (refitted.test == measured.test).all()
    ensemble = refit(own, REPLICATE, [1, 1, 1]).ensemble
    assert ensemble.target.examples == round(0.8 * len(both))
    np.testing.assert_allclose(ensemble.preprocessing.mean, own.dataset.numeric[both].mean(axis=0))


def test_a_network_that_diverges_in_the_refit_has_no_weights():
    ensemble = refit(training(learning_rate=1e30), REPLICATE, [3, 3, 4]).ensemble
    assert ensemble.members == (None, None, None)


@pytest.mark.parametrize("replicate", [0, 2])
def test_replicates_have_networks_of_their_own(replicate):
    own = training(ensemble_size=1)
    one, other = (refit(own, r, [2]).ensemble.members[0] for r in (replicate, REPLICATE))
    assert not same(one, other)
