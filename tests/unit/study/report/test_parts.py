"""The line of the Pareto front, the rule about losses, terms, paths, and what buttons there are."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.report.building import without_folders
from study.report.glossary import TERMS, labels_of, terms_in
from study.report.markdown import claim_cells
from study.report.overview import pareto_front, staircase
from study.report.sentences.losses import Change, LateTraining, change_of
from study.report.style import CONFIG, draw_base_rate, estimated, percent
from study.report.trials import file_name

SHARES = st.integers(0, 20).map(lambda n: n / 20)


def trials(points):
    return pd.DataFrame(points, columns=["test_accuracy", "generalization_gap"])


@given(points=st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=25), place=SHARES)
def test_every_point_of_the_pareto_line_is_reached_by_a_trial(points, place):
    x, y = staircase(pareto_front(trials(points)))
    for start in range(max(len(x) - 1, 1)):
        end = min(start + 1, len(x) - 1)
        accuracy = x[start] + place * (x[end] - x[start])
        gap = y[start] + place * (y[end] - y[start])
        assert any(a >= accuracy - 1e-12 and g <= gap + 1e-12 for a, g in points)


@given(points=st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=25))
def test_no_trial_is_better_than_the_pareto_line_in_both_respects(points):
    x, y = staircase(pareto_front(trials(points)))
    for accuracy, gap in points:
        at_least_as_accurate = y[x >= accuracy]
        assert len(at_least_as_accurate)
        assert gap >= at_least_as_accurate.min()


def test_the_other_staircase_would_be_noticed():
    """Right first and then up, as it was once drawn: through a gap that no trial has."""
    points = [(0.5, 0.0), (0.9, 0.2)]
    corner = 0.9, 0.0
    assert not any(a >= corner[0] and g <= corner[1] for a, g in points)
    x, y = staircase(pareto_front(trials(points)))
    assert corner not in list(zip(x, y, strict=True))


def test_an_empty_front_has_no_line():
    x, y = staircase(pareto_front(trials([])))
    assert len(x) == len(y) == 0


@pytest.mark.parametrize(
    ("gap", "accuracy", "expected"),
    [
        ((0.2, 0.1, 0.3), (0.0, -0.005, 0.005), True),
        ((0.2, -0.1, 0.5), (0.0, -0.005, 0.005), False),  # growth within its error
        ((0.2, 0.1, 0.3), (0.03, 0.02, 0.04), False),  # accuracy rises: the epochs did some good
        ((0.2, 0.1, 0.3), (-0.03, -0.04, -0.02), False),  # accuracy falls: it does not stand still
        ((0.2, 0.1, 0.3), (0.0, -0.05, 0.05), False),  # nobody knows whether it stands still
        ((0.2, float("nan"), float("nan")), (0.0, float("nan"), float("nan")), False),
    ],
)
def test_the_gap_alone_grows_only_where_both_halves_are_sure(gap, accuracy, expected):
    assert LateTraining(5, 10, Change(*gap), Change(*accuracy)).gap_alone_grows is expected


def test_a_change_has_students_interval_over_replicates():
    found = change_of(np.array([0.1, 0.2, 0.3]))
    # t(0.975, 2) = 4.302653, s / √3 = 0.057735
    assert found.mean == pytest.approx(0.2)
    assert found.high - found.mean == pytest.approx(4.302653 * 0.0577350, rel=1e-5)
    assert np.isnan(change_of(np.array([0.1])).low)


def test_a_term_is_explained_where_it_is_used_and_not_elsewhere():
    assert list(terms_in("p by Holm, over three replicates")) == ["Holm", "replicate"]
    assert terms_in("Nothing that needs a word.") == {}
    assert list(terms_in("a loss gap of 0.2")) == ["loss gap"]
    assert "generalization gap" in terms_in("a gap of 2 points")


def test_terms_are_in_order_and_each_is_one_sentence():
    names = [term.lower() for term, _, _ in TERMS]
    assert names == sorted(names)
    for term, _, meaning in TERMS:
        assert meaning.endswith("."), term
        assert ". " not in meaning, term


def test_the_labels_of_a_figure_are_all_its_words():
    figure = go.Figure(go.Scatter(x=[1], y=[1], name="corrected (BBC)"))
    figure.update_layout(title_text="A title", xaxis_title_text="an axis")
    draw_base_rate(figure, 0.25, along="y")
    expected = {"corrected (BBC)", "A title", "an axis", "most frequent class 25.0 %"}
    assert set(labels_of(figure)) == expected


def test_the_base_rate_is_drawn_where_it_is():
    figure = go.Figure(go.Scatter(x=[50.0], y=[1.0]))
    draw_base_rate(figure, 0.25, along="x")
    (line,) = figure.layout.shapes
    assert (line.x0, line.x1) == (25.0, 25.0)


def test_a_picture_has_the_buttons_of_the_list_and_no_others():
    assert sorted(name for group in CONFIG["modeBarButtons"] for name in group) == [
        "pan2d", "resetScale2d", "toImage", "zoom2d",
    ]  # fmt: skip
    assert not CONFIG["displaylogo"]
    assert not CONFIG["showSendToCloud"]
    assert CONFIG["plotlyServerURL"] == ""


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("/home/ada/secret/plants.csv", "plants.csv"),
        ("data/plants.csv", "data/plants.csv"),
        ("digits", "digits"),
        ("openml:61", "openml:61"),
    ],
)
def test_a_source_is_shown_without_the_folders_of_a_machine(source, shown):
    assert file_name(source) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("OSError: '/home/ada/x/plants.csv' is gone", "OSError: 'plants.csv' is gone"),
        ("line 3 of /opt/app/a.py", "line 3 of a.py"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("3/4 of data/plants.csv", "3/4 of data/plants.csv"),
    ],
)
def test_a_reason_is_shown_without_the_folders_of_a_machine(text, shown):
    assert without_folders(text) == shown


CLAIM = {
    "says": "Deeper is worse", "verdict": "holds", "quantity": "test_accuracy", "first": 0.8,
    "second": 0.9, "difference": -0.1, "low": -0.12, "high": -0.08, "p_holm": 0.01,
}  # fmt: skip


def test_a_claim_about_accuracy_is_in_percent_and_points():
    assert claim_cells(CLAIM)[2:5] == (
        "test accuracy",
        "80.0 % vs 90.0 %",
        "-10.0 (-12.0 to -8.0) points",
    )


def test_a_claim_about_gradients_is_in_powers_of_ten():
    row = CLAIM | {"quantity": "gradient_ratio", "first": -3.0, "second": 0.0, "difference": -3.0}
    assert claim_cells(row | {"low": -3.5, "high": -2.5})[3:5] == (
        "-3.00 vs 0.00",
        "-3.00 (-3.50 to -2.50)",
    )


def test_a_claim_about_trials_that_are_not_there_has_dashes():
    nothing = dict.fromkeys(("first", "second", "difference", "low", "high", "p_holm"), np.nan)
    assert claim_cells(CLAIM | nothing | {"verdict": "not decided"})[3:] == ("–", "–", "–")


def test_an_estimate_without_an_interval_stands_alone():
    assert estimated(0.5, np.nan, np.nan, percent) == "50.0 %"
    assert estimated(0.5, 0.4, 0.6, percent) == "50.0 % (40.0 % to 60.0 %)"
    assert estimated(np.nan, np.nan, np.nan, percent) == "–"
