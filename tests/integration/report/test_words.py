"""What is said of losses, and the glossary at the end of a page."""

import html
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from study.analysis import load_measurements
from study.report.building import build_report
from study.report.markdown import as_markdown
from study.report.page import as_page
from study.report.sentences.losses import (
    balanced_sentence,
    late_training,
    loss_gap_sentence,
)
from study.report.trials import configuration_yaml
from study.specification.spec import LONGEST_NAME, StudySpec
from workers.segment import CURVE_EXAMPLES

EPOCHS = (1, 2, 4, 7, 10)
# By hand, apart from the product's own table: how each term looks where it is used.
LOOKS = {
    "BBC": "BBC",
    "fANOVA": "fANOVA",
    "Holm": "Holm",
    "PED-ANOVA": "PED-ANOVA",
    "Pareto front": "Pareto",
    "generalization gap": "generalization gap",
    "loss gap": "loss gap",
    "replicate": "replicate",
    "balanced accuracy": "balanced",
    "McNemar": "McNemar",
    "Nadeau–Bengio": "Nadeau",
    "overtuning": "overtun",
}


@pytest.fixture(scope="module")
def grid(storage):
    return load_measurements("grid", storage)


def with_curve(grid, test_losses, test_accuracies, *, replicates=2, examples=100, tested=1000):
    """The study as if trial 0 had been measured at EPOCHS: test losses and accuracies are per
    epoch; the second replicate's differ from the first's by a little."""
    training = grid.run.specification["training"] | {"epochs": EPOCHS[-1]}
    rows = [
        {
            "trial": 0,
            "replicate": replicate,
            "epoch": epoch,
            "train_loss": 0.1,
            "test_loss": loss * (1.0 + 0.01 * replicate),
            "test_accuracy": accuracy,
        }
        for replicate in range(replicates)
        for epoch, loss, accuracy in zip(EPOCHS, test_losses, test_accuracies, strict=True)
    ]
    return replace(
        grid,
        run=replace(grid.run, specification=grid.run.specification | {"training": training}),
        learning_curves=pd.DataFrame(rows),
        replicates=grid.replicates.assign(train_examples=examples),
        splits=grid.splits.assign(test_index=[np.arange(1000, 1000 + tested)] * len(grid.splits)),
    )


@pytest.mark.parametrize("name", ["grid", "n" * 196, "n" * LONGEST_NAME])
def test_the_best_configuration_to_copy_has_a_name_that_a_study_may_have(grid, name):
    named = replace(grid, run=replace(grid.run, specification=grid.specification | {"name": name}))
    copied = StudySpec.model_validate(yaml.safe_load(configuration_yaml(named, 0)))
    assert copied.name == f"{name[:195]}-best"


def test_the_loss_gap_is_said_with_its_error_over_replicates(grid):
    own = grid.replicates[grid.replicates["trial"] == 0]
    said = loss_gap_sentence(grid, 0)
    gap = (own["test_loss"] - own["train_loss"]).mean()
    assert f"a loss gap of {gap:.3f} (" in said
    assert f"{own['test_loss'].mean():.3f} nats on test examples" in said


def test_no_loss_gap_is_said_where_no_loss_was_recorded(grid):
    older = replace(grid, replicates=grid.replicates.assign(train_loss=np.nan))
    assert loss_gap_sentence(older, 0) is None


def test_no_loss_gap_is_said_of_a_truth_table(grid):
    splits = grid.splits.assign(validation_index=grid.splits["test_index"])
    assert loss_gap_sentence(replace(grid, splits=splits), 0) is None


def test_balanced_accuracy_is_said_beside_that_of_a_constant_answer(grid):
    own = grid.replicates[grid.replicates["trial"] == 0]
    said = balanced_sentence(grid, 0)
    assert f"right on {100 * own['balanced_test_accuracy'].mean():.1f} % (balanced" in said
    assert "same class is so on 33.3 %" in said  # wine has three


@pytest.mark.parametrize(
    ("frame", "column"), [("replicates", "balanced_test_accuracy"), ("splits", "test_classes")]
)
def test_balanced_accuracy_is_not_said_where_it_was_not_recorded(grid, frame, column):
    lacking = getattr(grid, frame).assign(**{column: np.nan if frame == "replicates" else None})
    assert balanced_sentence(replace(grid, **{frame: lacking}), 0) is None


def test_a_gap_that_grows_while_accuracy_rests_is_said(grid):
    measurements = with_curve(grid, (0.3, 0.3, 0.3, 0.5, 0.8), (0.5, 0.7, 0.9, 0.9, 0.9))
    late = late_training(measurements, 0)
    assert (late.first, late.last) == (4, 10)
    assert "From epoch 4 to epoch 10 that gap grew by 0.50" in loss_gap_sentence(measurements, 0)


def test_of_few_test_examples_nobody_knows_whether_accuracy_rests(grid):
    curve = (0.3, 0.3, 0.3, 0.5, 0.8), (0.9,) * 5
    assert "From epoch" in loss_gap_sentence(with_curve(grid, *curve), 0)
    assert "From epoch" not in loss_gap_sentence(with_curve(grid, *curve, tested=50), 0)


@pytest.mark.parametrize(
    ("losses", "accuracies"),
    [
        ((0.8, 0.6, 0.5, 0.45, 0.4), (0.5, 0.7, 0.9, 0.9, 0.9)),  # the gap shrinks
        ((0.3, 0.3, 0.3, 0.5, 0.8), (0.5, 0.6, 0.7, 0.8, 0.9)),  # accuracy still rises
        ((0.3, 0.3, 0.3, 0.5, 0.8), (0.5, 0.9, 0.9, 0.8, 0.7)),  # accuracy falls
    ],
)
def test_growth_is_not_said_where_one_half_of_it_is_wrong(grid, losses, accuracies):
    said = loss_gap_sentence(with_curve(grid, losses, accuracies), 0)
    assert "a loss gap of" in said
    assert "that gap grew" not in said


def test_growth_is_not_said_from_one_replicate(grid):
    rising = (0.3, 0.3, 0.3, 0.5, 0.8), (0.9,) * 5
    assert late_training(with_curve(grid, *rising, replicates=1), 0) is None


def test_the_last_epoch_is_left_out_where_its_train_loss_is_of_other_examples(grid):
    rising = (0.3, 0.3, 0.3, 0.5, 0.8), (0.9,) * 5
    measurements = with_curve(grid, *rising, examples=CURVE_EXAMPLES + 1)
    late = late_training(measurements, 0)
    assert (late.first, late.last) == (4, 7)


@pytest.mark.parametrize("sentence", [balanced_sentence, loss_gap_sentence])
def test_a_sentence_stands_once_among_the_answers(grid, sentence):
    report = build_report(grid)
    assert " ".join(report.answer).count(sentence(grid, report.best)) == 1


def visible(page):
    """The words of a page's body, the labels of its pictures included, without its glossary."""
    body, _, after = page.partition("<body>")[2].partition("<h2>Words</h2>")
    return html.unescape(body), after


@pytest.mark.parametrize("study", ["grid", "adaptive", "one", "nothing"])
def test_every_term_on_a_page_is_in_its_glossary_and_no_other(storage, study):
    body, after = visible(as_page(build_report(load_measurements(study, storage))))
    explained = set(map(html.unescape, re.findall(r"<dt>(.*?)</dt>", after)))
    used = {term for term, look in LOOKS.items() if look in body}
    used |= {"generalization gap"}  # "gap" alone means it too
    assert explained == used


def test_the_glossaries_differ_with_what_the_pages_use(storage):
    pages = [as_page(build_report(load_measurements(name, storage))) for name in ("grid", "one")]
    first, second = (set(re.findall(r"<dt>(.*?)</dt>", visible(page)[1])) for page in pages)
    assert "Holm" in first - second


def test_markdown_ends_with_the_terms_that_it_uses(storage):
    text = as_markdown(build_report(load_measurements("grid", storage)))
    words = text.partition("## Words")[2]
    assert "**Holm**: " in words
    assert "**Pareto front**" not in words  # it has no pictures
