"""How a study's coordinator uses the batched TPE."""

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from storage.trials.records import FinishedTrial
from study import BatchTPESampler
from study.sampling.mirrors import BatchTPEProposer, OptunaProposer
from study.sampling.proposers import proposer_for
from study.specification.files import read_specification
from study.specification.space import search_space, space_size

FINITE = (
    "sampler=tpe",
    "search.width=16",
    "search.initialization=he_normal",
    "search.activation=[relu, tanh]",
    "search.depth={low: 1, high: 3}",
    "search.ensemble_size=1",
    "search.learning_rate=[0.01, 0.1]",
    "search.weight_decay=0.0",
    "search.dropout=0.0",
)


def finished(number, parameters, space, value=None, state=TrialState.COMPLETE, reports=None):
    trial = create_trial(
        state=state,
        params=parameters,
        distributions=space,
        value=value,
        intermediate_values=reports or {},
    )
    trial.number = number
    return trial


def test_one_objective_is_searched_in_batches_and_two_by_optunas_own():
    one = read_specification("digits", overrides=["sampler=tpe"])
    two = read_specification(
        "digits", overrides=["sampler=tpe", "objective=[validation_accuracy, validation_gap]"]
    )
    assert isinstance(proposer_for(one), BatchTPEProposer)
    assert type(proposer_for(two)) is OptunaProposer
    assert len(proposer_for(two).propose(range(3), [{}] * 3)) == 3


def test_a_finite_space_is_proposed_once_and_then_ends():
    spec = read_specification("digits", overrides=list(FINITE))
    size = space_size(spec)
    assert size == 12
    proposer = proposer_for(spec)
    first = proposer.propose(range(7), [{}] * 7)
    rest = proposer.propose(range(7, 20), [{}] * 13)
    assert len({tuple(p.values()) for p in first + rest}) == len(first + rest) == size
    assert proposer.propose([12], [{}]) == []
    assert proposer.propose([12], [{"depth": 2}])[0]["depth"] == 2


def test_trials_of_an_earlier_launch_are_not_proposed_again():
    spec = read_specification("digits", overrides=list(FINITE))
    space = search_space(spec)
    before = proposer_for(spec)
    known = before.propose(range(9), [{}] * 9)
    later = proposer_for(spec, begun=9)
    later.add_trials(finished(n, p, space, 0.5) for n, p in enumerate(known))
    rest = later.propose(range(9, 20), [{}] * 11)
    assert len(rest) == 3
    assert not any(proposal in known for proposal in rest)


@pytest.mark.parametrize("adopted", [False, True])
def test_it_learns_from_the_reports_of_pruned_trials(adopted):
    spec = read_specification(
        "digits", overrides=[*FINITE, "search.depth={low: 1, high: 500}", "pruner=median"]
    )
    space = search_space(spec)

    def reports(parameters):
        return {1: 0.1, 4: -abs(parameters["depth"] - 400)}

    proposer = proposer_for(spec)
    if adopted:  # they ran in an earlier launch
        proposals = proposer_for(spec).propose(range(80), [{}] * 80)
        proposer.add_trials(
            finished(n, p, space, None, TrialState.PRUNED, reports(p))
            for n, p in enumerate(proposals)
        )
    else:
        proposals = proposer.propose(range(80), [{}] * 80)
        proposer.add_results(
            FinishedTrial(n, TrialState.PRUNED, intermediate_values=reports(p))
            for n, p in enumerate(proposals)
        )
    later = proposer.propose(range(80, 96), [{}] * 16)
    assert sum(abs(p["depth"] - 400) < 100 for p in later) >= 10


def test_an_enqueued_value_outside_its_range_does_no_harm():
    spec = read_specification("digits", overrides=list(FINITE))
    proposer = proposer_for(spec)
    (odd,) = proposer.propose([0], [{"depth": 9}])
    assert odd["depth"] == 9
    trial = optuna.trial.FrozenTrial(
        number=0,
        state=TrialState.COMPLETE,
        value=0.9,
        datetime_start=None,
        datetime_complete=None,
        params=odd,
        distributions=search_space(spec),
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        trial_id=0,
    )
    proposer.add_results([FinishedTrial(0, TrialState.COMPLETE, values=[0.9])])
    proposer.add_trials([trial])
    assert len(proposer.propose(range(1, 20), [{}] * 19)) == 12


def test_in_an_optuna_study_of_the_same_trials_the_published_sampler_proposes_the_same():
    spec = read_specification("digits", overrides=["sampler=tpe", "seed=5"])
    space, size = search_space(spec), 12
    proposer, sampler = proposer_for(spec), BatchTPESampler(5)
    study = optuna.create_study(direction="maximize")
    for batch in range(5):
        numbers = range(batch * size, (batch + 1) * size)
        given = [{"depth": 2}] + [{}] * (size - 1)
        proposals = proposer.propose(numbers, given)
        assert sampler.sample_batch(study, space, size, given) == proposals
        results = [
            ended(number, proposal["width"])
            for number, proposal in zip(numbers, proposals, strict=True)
        ]
        proposer.add_results(results)
        for proposal, result in zip(proposals, results, strict=True):
            study.add_trial(
                create_trial(
                    state=result.state,
                    params=proposal,
                    distributions=space,
                    values=result.values,
                    intermediate_values=result.intermediate_values,
                )
            )


def ended(number, width):
    """Most trials are complete, some pruned, some failed."""
    if number % 5 == 3:
        reports = {1: 0.1, 3: -float(width)}
        return FinishedTrial(number, TrialState.PRUNED, intermediate_values=reports)
    if number % 5 == 4:
        return FinishedTrial(number, TrialState.FAIL)
    return FinishedTrial(number, TrialState.COMPLETE, values=[-float(width)])
