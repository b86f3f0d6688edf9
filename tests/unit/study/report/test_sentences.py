"""Every sentence of a report: a situation in which it is right, and one where it is not said."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import study.report.sentences
from study.analysis import Measurements
from study.analysis.confirmation import confirmed_trials
from study.report.answer import answer
from study.report.effects import importances_figure
from study.report.sentences import (
    causes,
    cautions,
    data_notes,
    learning,
    losses,
    selection,
    winner,
)
from study.report.sentences.confirmation import (
    headline,
    others_confirmed,
    selection_luck,
    unconfirmed,
)
from study.report.trials import best_trial
from tests.unit.study.analysis.test_confirmation import confirmed_study
from tests.unit.study.report.situations import situation, with_results

Situation = Callable[[], Measurements]
TWELVE = np.arange(12)
LEVELS = {"depth": TWELVE % 3 + 1, "dropout": np.repeat([0.0, 0.3], 6)}


def planted(**more):
    """Dropout takes six points from train accuracy, and nothing else does anything."""
    return situation(
        replicates=5,
        train_accuracy=np.repeat([0.97, 0.91], 6),
        hyperparameters=LEVELS,
        **more,
    )


def nothing_matters(**more):
    return situation(hyperparameters=LEVELS, **more)


def by_heart(**more):
    """90 % are of one class; the networks know their training set, and nothing of others."""
    return situation(
        accuracy=0.87, train_accuracy=1.0, train_loss=0.01, test_loss=0.9, majority=0.9,
        balanced=0.5, **more,
    )  # fmt: skip


def stuck(**more):
    """Networks that know how frequent classes are and no more."""
    return situation(
        accuracy=0.5, train_accuracy=0.5, train_loss=0.6932, test_loss=0.6932, balanced=0.5, **more
    )


def half_stuck():
    """Six trials that learned, and six that did not."""
    return situation(
        train_loss=[0.2] * 6 + [0.6932] * 6,
        balanced=[0.8] * 6 + [0.5] * 6,
        hyperparameters=LEVELS,
    )


def confounded():
    """Dropout moves the gap, and of deep networks only those without dropout learned."""
    deep = np.tile([False, True], 12)
    dropout = np.repeat([0.0, 0.3], 12)
    failed = deep & (dropout > 0.0)
    return situation(
        24,
        replicates=5,
        train_accuracy=np.where(dropout > 0.0, 0.91, 0.97),
        train_loss=np.where(failed, 0.6932, 0.2),
        balanced=np.where(failed, 0.5, 0.8),
        hyperparameters={"depth": np.where(deep, 3, 1), "dropout": dropout},
    )


@dataclass(frozen=True)
class Case:
    """A sentence, where it is right and what it then says, and where it must not be said."""

    says: Callable[[Measurements], str | None]
    words: str
    right: Situation
    wrong: Situation


GROUPED = {"source": "patients.csv", "target": "ill", "group": "patient"}


def one_seed_failed():
    m = situation()
    losses = m.replicates["train_loss"].where(m.replicates.index != 4, 0.6932)
    return replace(m, replicates=m.replicates.assign(train_loss=losses))


def says(function):
    """The sentence of a function that takes the best trial as well."""
    return lambda m: function(m, best_trial(m))


def moves(m):
    return " ".join(causes.what_moves(m))


def confirmed(sentence):
    """The sentence of a function that takes a confirmed trial."""

    def said(m):
        found = confirmed_trials(m)
        return sentence(found[0]) if found else None

    return said


def said_of_replicates(m):
    return data_notes.few_replicates(len(m.splits))


CASES = {
    "winner.how_well": [
        Case(
            says(winner.how_well), "has the highest validation accuracy",
            situation, lambda: situation(objective=["validation_loss"]),
        ),
        Case(
            says(winner.how_well), "has the lowest validation loss",
            lambda: situation(objective=["validation_loss"]), situation,
        ),
        Case(
            says(winner.how_well), "the smallest gap between train and validation accuracy",
            lambda: situation(objective=["validation_gap"]), situation,
        ),
        Case(
            says(winner.how_well), "the fewest parameters",
            lambda: situation(objective=["parameters"]), situation,
        ),
        Case(
            says(winner.how_well), "it is the baseline",
            lambda: situation(baseline=[{"depth": 1}], search={"depth": [1, 2]},
                              hyperparameters={"depth": [1] * 12}),
            lambda: situation(baseline=[{"depth": 2}], search={"depth": [1, 2]},
                              hyperparameters={"depth": [1] * 12}),
        ),
        Case(says(winner.how_well), "The only configuration", lambda: situation(1), situation),
        Case(
            says(winner.how_well), "a generalization gap of",
            situation, lambda: situation(truth_table=True, majority=0.4),
        ),
        Case(
            says(winner.how_well), "there is no gap to measure",
            lambda: situation(truth_table=True, majority=0.4), situation,
        ),
    ],
    "winner.constant_prediction": [
        Case(
            winner.constant_prediction, "is right on 90.0 % of test examples",
            by_heart, lambda: situation(truth_table=True),
        ),
    ],
    "selection.corrected_for_the_pick": [
        Case(selection.corrected_for_the_pick, "(BBC", situation, lambda: situation(1)),
        Case(
            selection.corrected_for_the_pick, "Picked by validation accuracy",
            situation, lambda: situation(objective=["validation_loss"]),
        ),
        Case(
            selection.corrected_for_the_pick, "by which this search did not pick",
            lambda: situation(objective=["validation_loss"]), situation,
        ),
    ],
    "selection.nothing_was_picked": [
        Case(selection.nothing_was_picked, "nothing was selected", lambda: situation(1), situation),
    ],
    "selection.seeds_that_solved": [
        Case(
            selection.seeds_that_solved, "learned the whole table",
            lambda: situation(truth_table=True), situation,
        ),
    ],
    "selection.cost_of_searching_on": [
        # The third trial validates best, and the first is best on the test set.
        Case(
            selection.cost_of_searching_on, "Searching on replaced trial 0",
            lambda: overtuned([0.90, 0.85, 0.88], [0.80, 0.81, 0.86]),
            lambda: overtuned([0.85, 0.86, 0.90], [0.80, 0.81, 0.86]),
        ),
        Case(
            selection.cost_of_searching_on, "worse than the first configuration tried",
            lambda: overtuned([0.88, 0.90, 0.85], [0.80, 0.81, 0.86]),
            lambda: overtuned([0.85, 0.90, 0.88], [0.80, 0.81, 0.86]),
        ),
    ],
    "causes.what_moves": [
        Case(moves, "What moves the gap, beyond luck: dropout 0.3 against 0: -5.9 points", planted,
             nothing_matters),
        Case(moves, "can be told from the luck of 3 seeds", nothing_matters, planted),
        Case(moves, "no effect", lambda: planted(sampler="tpe"), planted),
        Case(moves, "may be the work of another hyperparameter", confounded, planted),
        Case(
            moves, "6 configurations learned something, and it takes 8", half_stuck, planted,
        ),
        Case(moves, "no hyperparameter was varied", situation, planted),
        Case(
            moves, "with one replicate",
            lambda: situation(replicates=1, hyperparameters=LEVELS), planted,
        ),
    ],
    "learning.not_learned": [
        Case(learning.not_learned, "12 of 12 trials did not learn", stuck, by_heart),
        Case(learning.not_learned, "did not learn", stuck, situation),
        Case(learning.not_learned, "Effects are those of the others", half_stuck, stuck),
        Case(
            learning.not_learned, "learned nothing of the table",
            lambda: situation(truth_table=True, train_accuracy=0.45),
            lambda: situation(truth_table=True),
        ),
    ],
    "learning.learned_by_heart": [
        Case(learning.learned_by_heart, "12 of 12 trials fit their training", by_heart, situation),
        Case(learning.learned_by_heart, "learned by heart", by_heart, stuck),
    ],
    "learning.failed_seeds": [
        Case(learning.failed_seeds, "1 of 36 seeds failed, in 1 trial", one_seed_failed, situation),
        Case(learning.failed_seeds, "failed", one_seed_failed, stuck),
    ],
    "confirmation.headline": [
        Case(confirmed(headline), "Confirmed on 10 fresh replicates", confirmed_study, situation),
        Case(
            confirmed(headline), "one next network will probably be between", confirmed_study,
            lambda: confirmed_study([0.9] * 8 + [0.1, 0.12], dead=(8, 9)),
        ),
        Case(
            confirmed(headline), "2 of 10 seeds failed",
            lambda: confirmed_study([0.9] * 8 + [0.1, 0.12], dead=(8, 9)), confirmed_study,
        ),
        Case(
            confirmed(headline), "the interval is of seeds that do not fail",
            lambda: confirmed_study(failed_in_search=1), confirmed_study,
        ),
    ],
    "confirmation.others_confirmed": [
        Case(
            lambda m: others_confirmed(m, 0), "Also confirmed: trial 1", confirmed_study, situation
        ),
        Case(
            lambda m: others_confirmed(m, 0), "the baseline",
            lambda: confirmed_study(baseline=[{"ensemble_size": 1}]), confirmed_study,
        ),
    ],
    "confirmation.selection_luck": [
        Case(
            confirmed(selection_luck), "were the luck of its seeds and splits", confirmed_study,
            lambda: confirmed_study(searched=0.9),
        ),
    ],
    "confirmation.unconfirmed": [
        Case(
            says(unconfirmed), "These are the networks that were picked", situation,
            confirmed_study,
        ),
        Case(
            says(unconfirmed), "is probably lower",
            lambda: situation(luck=0.05), lambda: situation(luck=0.05, replicates=1),
        ),
        Case(
            says(unconfirmed), "how much of their accuracy is luck cannot be said", situation,
            lambda: situation(luck=0.05),
        ),
        Case(says(unconfirmed), "picked", situation, stuck),
        Case(
            says(unconfirmed), "cannot be said from one replicate",
            lambda: situation(replicates=1), situation,
        ),
        Case(says(unconfirmed), "picked", situation, lambda: situation(1)),
        Case(says(unconfirmed), "picked", situation, lambda: situation(objective=["parameters"])),
    ],
    "data_notes.groups_as_units": [
        Case(
            data_notes.groups_as_units, "a group is the unit of every interval",
            lambda: situation(groups=20, data=GROUPED), situation,
        ),
        Case(
            data_notes.groups_as_units, "are too narrow", lambda: situation(data=GROUPED),
            lambda: situation(groups=20, data=GROUPED),
        ),
    ],
    "data_notes.copies": [
        Case(says(data_notes.copies), "100 of the 400 test rows", lambda: situation(copies=100),
             situation),
        Case(says(data_notes.copies), "says nothing of new rows", lambda: situation(copies=400),
             lambda: situation(copies=100)),
    ],
    "data_notes.shared_training_rows": [
        Case(
            data_notes.shared_training_rows, "All replicates train on the same rows",
            lambda: situation(fixed_split=True), situation,
        ),
    ],
    "data_notes.few_replicates": [
        Case(said_of_replicates, "One replicate", lambda: situation(replicates=1), situation),
        Case(said_of_replicates, "about 88 %", lambda: situation(replicates=2), situation),
        Case(said_of_replicates, "about 92 %", situation, lambda: situation(replicates=5)),
    ],
    "losses.balanced_sentence": [
        Case(
            says(losses.balanced_sentence), "is right on 70.0 % (balanced accuracy)",
            lambda: situation(balanced=0.7), lambda: situation(classes_recorded=False),
        ),
    ],
    "losses.loss_gap_sentence": [
        Case(
            says(losses.loss_gap_sentence), "a loss gap of 0.2", situation,
            lambda: situation(truth_table=True),
        ),
        Case(
            says(losses.loss_gap_sentence), "while test accuracy stood still",
            lambda: situation(curve=[0.3, 0.4, 0.8]), lambda: situation(curve=[0.3, 0.4, 0.4]),
        ),
    ],
    "learning.diverged_networks": [
        Case(
            learning.diverged_networks, "2 networks of 1 trial diverged",
            lambda: situation(diverged=[2] + [0] * 11), situation,
        ),
    ],
    "learning.all_diverged": [
        Case(
            learning.all_diverged, "All networks diverged, those of every trial (12)",
            lambda: situation(diverged=3), lambda: situation(diverged=[2] + [3] * 11),
        ),
    ],
    "cautions.chosen_by_results": [
        Case(
            cautions.chosen_by_results, "The sampler tpe chose trials by the results",
            lambda: situation(sampler="tpe"), lambda: situation(pruner="median"),
        ),
    ],
    "cautions.ended_by_results": [
        Case(
            cautions.ended_by_results, "The pruner median ended 1 trial early",
            lambda: situation(pruner="median", states={3: "PRUNED"}),
            lambda: situation(pruner="median"),
        ),
    ],
    "cautions.wrong_labels": [
        Case(
            cautions.wrong_labels, "20 % of the training labels were made wrong on purpose",
            lambda: situation(data={"source": "wine", "label_noise": 0.2}), situation,
        ),
    ],
    "cautions.failed_trials": [
        Case(
            cautions.failed_trials, "1 trial failed and is left out",
            lambda: situation(states={3: "FAIL"}), situation,
        ),
    ],
}  # fmt: skip


def overtuned(test, validation):
    return with_results(situation(3), validation_accuracy=validation, test_accuracy=test)


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=f"{n}: {c.words}") for n, cases in CASES.items() for c in cases]
)
def test_a_sentence_is_said_where_it_is_right_and_nowhere_else(case):
    assert case.words in (case.says(case.right()) or "")
    assert case.words not in (case.says(case.wrong()) or "")


def test_every_sentence_of_the_report_has_a_case():
    folder = Path(study.report.sentences.__file__).parent
    sentences = set()
    for file in folder.glob("[a-z]*.py"):
        module = import_module(f"study.report.sentences.{file.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            own = function.__module__ == module.__name__ and not name.startswith("_")
            if own and "str" in str(inspect.signature(function).return_annotation):
                sentences.add(f"{file.stem}.{name}")
    assert sentences == set(CASES)


def test_of_a_whole_grid_of_few_trials_causes_are_named_and_no_importances_drawn():
    grid = situation(
        4,
        replicates=5,
        train_accuracy=[0.97, 0.97, 0.91, 0.91],
        hyperparameters={"depth": [1, 2, 1, 2], "dropout": [0.0, 0.0, 0.3, 0.3]},
        search={"depth": [1, 2], "dropout": [0.0, 0.3]},
        sampler="grid",
    )
    assert "dropout 0.3 against 0" in moves(grid)
    assert importances_figure(grid) is None
    assert importances_figure(planted()) is not None


def test_a_study_whose_networks_all_diverged_says_so_before_anything_else():
    diverged = situation(diverged=3)
    assert answer(diverged, best_trial(diverged))[0].startswith("All networks diverged")
    fine = situation()
    assert answer(fine, best_trial(fine))[0].startswith("Of 12 configurations")


def test_the_winner_is_not_among_the_others_that_were_confirmed():
    assert others_confirmed(confirmed_study(), 1) is None
