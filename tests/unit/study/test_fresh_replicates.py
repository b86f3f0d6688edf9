"""Which trials are confirmed, and on which replicates."""

import pytest
from optuna.trial import TrialState, create_trial

from study.coordinator.fresh_replicates import best_and_baseline, checked, still_to_train
from study.errors import InvalidInput
from study.specification.space import search_space
from study.specification.spec import StudySpec
from workers.configuration import Configuration
from workers.segment import TrialWork


def spec_of(**changes):
    document = {
        "name": "a study",
        "data": {"source": "wine"},
        "search": {"depth": {"low": 1, "high": 9}, "activation": ["relu", "tanh"]},
        **changes,
    }
    return StudySpec.model_validate(document)


def trials_of(spec, *given, state=TrialState.COMPLETE):
    """Trials of these (depth, value)."""
    space = search_space(spec)
    trials = []
    for number, (depth, value) in enumerate(given):
        parameters = {"depth": depth, "activation": "relu"}
        ended = value is not None
        trial = create_trial(
            state=state if ended else TrialState.FAIL,
            params=parameters,
            distributions=space,
            value=value if state is TrialState.COMPLETE else None,
        )
        trial.number = number
        trials.append(trial)
    return trials


def test_the_best_are_chosen_by_the_first_objective_the_earlier_of_equal_ones():
    spec = spec_of()
    trials = trials_of(spec, (1, 0.5), (2, 0.9), (3, 0.9), (4, None), (5, 0.7))
    assert best_and_baseline(spec, trials, {0, 1, 2, 4}, 3) == [1, 2, 4]
    by_loss = spec_of(objective="validation_loss")
    assert best_and_baseline(by_loss, trials, {0, 1, 2, 4}, 2) == [0, 4]
    assert best_and_baseline(spec, trials, {0, 1, 2, 4}, 9) == [1, 2, 4, 0]


def test_a_copy_and_a_configuration_that_was_trained_twice_are_chosen_once():
    spec = spec_of()
    trials = trials_of(spec, (1, 0.9), (1, 0.9), (2, 0.8))
    assert best_and_baseline(spec, trials, {0, 2}, 2) == [0, 2]
    assert best_and_baseline(spec, trials, {0, 1, 2}, 2) == [0, 2]


def test_the_baseline_is_confirmed_beside_the_best_unless_it_is_among_them():
    spec = spec_of(baseline=[{"depth": 1}, {"depth": 2}])
    trials = trials_of(spec, (1, 0.1), (2, 0.95), (3, 0.9))
    assert best_and_baseline(spec, trials, {0, 1, 2}, 1) == [1, 0]
    # Somebody enqueued another trial before it, or the baseline's failed.
    other = trials_of(spec, (7, 0.1), (2, 0.95), (3, 0.9))
    assert best_and_baseline(spec, other, {0, 1, 2}, 1) == [1]
    assert best_and_baseline(spec, trials, {1, 2}, 1) == [1]


def test_a_trial_that_was_named_must_be_there_complete_and_no_copy():
    spec = spec_of()
    trials = trials_of(spec, (1, 0.5), (2, None), (1, 0.5))
    assert checked("a", [0, 0], trials, {}) == [0]
    with pytest.raises(InvalidInput, match="has no trial 3; it has 0 to 2"):
        checked("a", [0, 3], trials, {})
    with pytest.raises(InvalidInput, match="has no trial 0; it has none yet"):
        checked("a", [0], [], {})
    with pytest.raises(InvalidInput, match="trial 1 of study 'a' is fail; give one that is comp"):
        checked("a", [1], trials, {})
    with pytest.raises(InvalidInput, match="trial 2 of study 'a' is a copy of trial 0; confirm"):
        checked("a", [2], trials, {2: 0})


def test_fresh_replicates_follow_on_those_of_the_search_and_on_those_that_are_there():
    works = [TrialWork(number, Configuration()) for number in range(4)]
    parts = still_to_train(works, {1: 10, 2: 4, 3: 12}, first=3, count=10)
    assert [([w.trial for w in part.trials], part.numbers) for part in parts] == [
        ([0], range(3, 13)),
        ([2], range(7, 13)),
    ]
    (together,) = still_to_train(works, {}, first=0, count=10)
    assert len(together.trials) == 4
    assert still_to_train(works, dict.fromkeys(range(4), 10), first=3, count=10) == []
