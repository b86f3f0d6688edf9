"""What other Optuna programs put into a study fails alone or is left aside; the others go on."""

import math

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState, create_trial

from storage.reading.frames import load_results
from study.coordinator.coordinator import Ending
from study.monitoring import events
from study.specification.files import read_specification
from study.specification.spec import Sampler, StudySpec
from tests.integration.study.test_events import Witness
from workers.pools.pool import FailureKind
from workers.pools.simulated import SimulatedPool

SEARCH = (
    "search={depth: {low: 1, high: 4}, activation: [relu, tanh], width: 16, "
    "dropout: {low: 0.0, high: 0.4, step: 0.1}, learning_rate: {low: 0.001, high: 0.1, log: true}}"
)


def spec_of(*overrides: str, trials: int) -> StudySpec:
    return read_specification(
        "digits",
        overrides=["sampler=random", SEARCH, f"budget.trials={trials}", *overrides],
    )


WRONG = [
    {"depth": 2.5},
    {"depth": 9},
    {"depth": "2"},
    {"depth": True},
    {"depth": [2]},
    {"depth": math.nan},
    {"activation": "rulu"},
    {"activation": 1},
    {"dropout": 0.25},
    {"dropout": None},
    {"depht": 2},
    {"width": 32},
]


def test_an_enqueued_trial_outside_the_search_fails_with_its_reason_and_the_others_go_on(bench):
    bench.run(spec_of(trials=1))
    theirs = bench.optuna_study("digits")
    for wrong in WRONG:
        theirs.enqueue_trial(wrong)
    theirs.enqueue_trial({"depth": 2.0, "dropout": 0.1 + 0.2, "width": 16})
    trials = 1 + len(WRONG) + 1 + 3
    assert bench.run(spec_of(trials=trials)) is Ending.BUDGET
    results = load_results("digits", bench.url).set_index("trial")
    failed = results[results["state"] == "FAIL"]
    assert len(results) == trials
    assert len(failed) == len(WRONG)
    for (name, _), reason in zip(
        (next(iter(w.items())) for w in WRONG), failed["error"], strict=True
    ):
        assert reason.startswith(f"{name}: ")
    right = results.loc[1 + len(WRONG)]
    assert (right["state"], right["depth"], right["dropout"]) == ("COMPLETE", 2, 0.3)


@pytest.mark.parametrize("sampler", ["random", "qmc", "tpe"])
def test_a_space_is_used_up_by_its_levels_and_not_by_their_spellings(bench, sampler):
    one = "search={dropout: {low: 0.0, high: 0.5, step: 0.1}}"
    bench.coordinator(spec_of(one, f"sampler={sampler}", trials=1), SimulatedPool())
    space = {"dropout": FloatDistribution(0.0, 0.5, step=0.1)}
    for index in range(1, 6):  # as versions before spelt them: 3 · 0.1 is 0.30000000000000004
        spelt = create_trial(
            state=TrialState.WAITING, params={"dropout": index * 0.1}, distributions=space
        )
        bench.optuna_study("digits").add_trial(spelt)
    bench.run(spec_of(one, f"sampler={sampler}", trials=100))
    results = load_results("digits", bench.url)
    assert (
        sorted(results["dropout"].unique()) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5][sampler == "grid" :]
    )
    trained = results[results["duplicate_of"].isna()]
    assert trained["dropout"].is_unique


def test_many_wrong_trials_do_not_end_a_study_as_hopeless_that_has_not_begun(bench):
    bench.run(spec_of(trials=1), failure_of=lambda _: FailureKind.ERROR)
    for _ in range(12):
        bench.optuna_study("digits").enqueue_trial({"depth": 9})
    assert bench.run(spec_of(trials=15)) is Ending.BUDGET
    assert bench.run(spec_of(trials=16)) is Ending.BUDGET


# Of one name Optuna takes only distributions that agree with the study's first.
FOREIGN = {
    "choices and kinds": (
        {"activation": CategoricalDistribution(["relu", "tanh", "gelu"])},
        {"depth": CategoricalDistribution([2, 3]), "dropout": IntDistribution(0, 1)},
        {"learning_rate": FloatDistribution(0.5, 9.0)},
        {"momentum": FloatDistribution(0.0, 1.0)},
    ),
    "order, scale and step": (
        {"activation": CategoricalDistribution(["tanh", "relu"])},
        {"dropout": FloatDistribution(0.001, 0.4, log=True)},
        {"depth": IntDistribution(2, 8, step=3)},
    ),
}


def add_foreign_trials(study: optuna.Study, kind: str) -> int:
    """A COMPLETE, PRUNED, FAIL, RUNNING and WAITING trial of each, and one that only began; how
    many trials the study has now."""
    for distributions in FOREIGN[kind]:
        for state in TrialState:
            trial = create_trial(
                state=state,
                params={name: _first_of(one) for name, one in distributions.items()},
                distributions=distributions,
                value=math.inf if state is TrialState.COMPLETE else None,
                intermediate_values={0: math.nan, 7: -math.inf},
                system_attrs={"cma:optimizer:0": "no pickle", "nsga2:generation": "first"},
            )
            study.add_trial(trial)
    # What only a storage takes: as many values as the program likes.
    for values in ([], [0.1, 0.2, 0.3]):
        trial_id = study._storage.create_new_trial(study._study_id)
        study._storage.set_trial_state_values(trial_id, TrialState.COMPLETE, values)
    study.ask()
    return len(study.get_trials(deepcopy=False))


def _first_of(distribution: BaseDistribution) -> object:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return distribution.low


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("sampler", sorted(Sampler))
def test_a_study_to_which_other_programs_added_trials_goes_on_with_every_sampler(
    bench, sampler, kind
):
    rates = ["search.learning_rate=[0.01, 0.1]"] if sampler is Sampler.GRID else []
    overrides = (f"sampler={sampler}", "pruner=hyperband", *rates)
    bench.coordinator(spec_of(*overrides, trials=1), SimulatedPool())  # makes the study
    theirs = add_foreign_trials(bench.optuna_study("digits"), kind)
    assert bench.run(spec_of(*overrides, trials=theirs + 15)) is Ending.BUDGET
    bench.optuna_study("digits").ask()  # RUNNING, by a program that is gone
    assert bench.run(spec_of(*overrides, trials=theirs + 30)) is Ending.BUDGET
    trials = bench.optuna_study("digits").get_trials()
    assert all(trial.state.is_finished() for trial in trials)
    assert len(trials) == theirs + 30
    trained = load_results("digits", bench.url).query("state != 'FAIL'")
    assert len(trained) >= 30
    assert set(trained["activation"]) <= {"relu", "tanh"}
    assert trained["depth"].between(1, 4).all()


def test_what_is_left_aside_is_said_with_the_first_reason(bench):
    witness = bench.progress = Witness()
    bench.coordinator(spec_of(trials=1), SimulatedPool())
    add_foreign_trials(bench.optuna_study("digits"), "choices and kinds")
    bench.run(spec_of(trials=25))
    (event,) = witness.of(events.TrialsLeftAside)
    assert event.reason == "depth: it is missing"
    assert len(event.trials) == 8  # the complete and the pruned ones


def test_a_trial_that_another_program_ended_meanwhile_does_not_keep_its_copies_waiting(bench):
    witness = bench.progress = Witness()
    same = [f"search.{name}" for name in ("depth=2", "activation=relu", "dropout=0.0")]
    spec = spec_of(*same, "search.learning_rate=[0.01]", "baseline=[{}, {}]", trials=2)
    told = []

    def tell(segment):
        if not told:
            told.append(segment.trials[0].trial)
            bench.optuna_study("digits").tell(told[0], 0.5)

    coordinator = bench.coordinator(spec, SimulatedPool(failure_of=tell))
    assert coordinator.run() in (Ending.BUDGET, Ending.EXHAUSTED)
    (event,) = witness.of(events.TrialsEndedElsewhere)
    assert event.trials == tuple(told)
    trials = bench.optuna_study("digits").get_trials()
    assert all(trial.state is TrialState.COMPLETE for trial in trials)
    assert trials[told[0]].value == 0.5
    assert told[0] not in load_results("digits", bench.url)["trial"].tolist()


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2"])
def test_a_trial_that_another_program_begins_meanwhile_is_not_waited_for(bench, sampler):
    theirs = []

    def begin(segment):
        if not theirs:
            theirs.append(bench.optuna_study("digits").ask().number)

    spec = spec_of(f"sampler={sampler}", trials=200)
    assert bench.run(spec, failure_of=begin) is Ending.BUDGET
    trials = bench.optuna_study("digits").get_trials()
    assert [t.number for t in trials if not t.state.is_finished()] == theirs
    assert bench.run(spec) is Ending.BUDGET
    trials = bench.optuna_study("digits").get_trials()
    assert all(trial.state is TrialState.COMPLETE for trial in trials)


def test_trials_with_another_number_of_values_do_not_break_optunas_own_reading(bench):
    spec = spec_of("search.learning_rate=0.01", trials=20)
    bench.coordinator(spec, SimulatedPool())
    add_foreign_trials(bench.optuna_study("digits"), "order, scale and step")
    bench.run(spec)
    study = bench.optuna_study("digits")
    assert study.best_value == math.inf
    assert all(len(trial.values) == 1 for trial in study.get_trials(states=[TrialState.COMPLETE]))


@pytest.mark.parametrize("sampler", ["random", "qmc", "tpe", "nsga2"])
def test_with_two_objectives_trials_that_have_one_value_are_left_aside(bench, sampler):
    overrides = (f"sampler={sampler}", "objective=[validation_accuracy, parameters]")
    bench.coordinator(spec_of(*overrides, trials=1), SimulatedPool())
    study = bench.optuna_study("digits")
    for values in ([], [0.5], [0.5, math.inf]):
        trial_id = study._storage.create_new_trial(study._study_id)
        study._storage.set_trial_state_values(trial_id, TrialState.COMPLETE, values)
    assert bench.run(spec_of(*overrides, trials=16)) is Ending.BUDGET
    assert bench.run(spec_of(*overrides, trials=24)) is Ending.BUDGET
    assert len(load_results("digits", bench.url)) == 21
