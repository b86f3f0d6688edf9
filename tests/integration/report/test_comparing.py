"""The command that compares trials and studies."""

import pytest
from rich.console import Console

from study.analysis import load_measurements
from study.errors import InvalidInput
from study.report.comparison import compare_studies, compare_trials


def printed(table):
    console = Console(width=160)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_trials_of_a_study_are_paired(storage):
    text = printed(compare_trials("grid", [0, 1, 2], storage))
    assert "against grid trial 2" in text
    assert text.count("crossed") == 4  # two trials, test accuracy and gap
    assert text.count("nadeau-bengio") == 2


def test_what_few_replicates_cover_is_said_under_the_table(storage):
    assert "Two replicates: where seeds and splits" in printed(
        compare_trials("grid", [0, 1], storage)
    )
    text = printed(compare_trials("nothing", [0, 1], storage))
    assert "One replicate: intervals are of these networks" in text
    assert "Two replicates" not in text


def test_the_best_trials_of_studies_on_the_same_splits_are_paired(storage):
    text = printed(compare_studies(["grid", "adaptive"], storage))
    assert "crossed" in text
    assert "independent" not in text


def test_studies_with_splits_of_their_own_are_compared_as_independent(storage):
    text = printed(compare_studies(["grid", "one"], storage))
    assert text.count("independent") == 2


def test_differences_are_in_points(storage):
    measurements = load_measurements("grid", storage)
    accuracy = measurements.results.set_index("trial")["test_accuracy"]
    text = printed(compare_trials("grid", [0, 1], storage))
    assert "difference in points" in text
    assert f"{100 * (accuracy[0] - accuracy[1]):+.2f}" in text


@pytest.mark.parametrize(
    ("trials", "line"),
    [
        ([0], "at least two trials"),
        ([0, 99], "trial 99 is not a complete trial of study 'grid'"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(storage, trials, line):
    with pytest.raises(InvalidInput, match=line):
        compare_trials("grid", trials, storage)
