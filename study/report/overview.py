"""Every trial by test accuracy and gap; and the search over time."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from study.analysis import (
    Measurements,
    distinct_trials,
    generalization_gaps,
    learned,
    selection_optimism,
)
from study.analysis.intervals.random_effects import FloatArray
from study.analysis.search.overtuning import overtuning
from study.report.style import (
    GAP,
    GREY,
    INK,
    TEST,
    VALIDATION,
    draw_base_rate,
    note_base_rate,
    percent,
    points,
    styled,
)
from study.report.trials import base_rate, described


def accuracy_against_gap(measurements: Measurements, best: int) -> go.Figure:
    """A point per trial; the front of those that learned and are beaten in neither respect."""
    kept = distinct_trials(measurements.results)
    has_learned = learned(kept, measurements.splits)
    figure = go.Figure()
    for label, rows, colour in (
        ("did not learn its training set", kept[~has_learned], GREY),
        ("trials", kept[has_learned], TEST),
    ):
        if rows.empty:
            continue
        # Not scattergl: WebGL in software is slower than this and makes browsers complain.
        figure.add_scatter(
            x=rows["test_accuracy"],
            y=rows["generalization_gap"],
            mode="markers",
            name=label,
            marker={"color": colour, "size": 7, "opacity": 0.6},
            text=[_in_words(row) for row in rows.to_dict("records")],
            hovertemplate="%{text}<extra></extra>",
        )
    accuracies, smallest_gaps = staircase(pareto_front(kept[has_learned]))
    figure.add_scatter(
        x=accuracies,
        y=smallest_gaps,
        mode="lines",
        name="Pareto front",
        line={"color": INK, "width": 1.5, "shape": "linear"},
        hoverinfo="skip",
    )
    gaps = generalization_gaps(measurements.replicates, measurements.splits)
    row = gaps[gaps["trial"] == best]
    if not row.empty:
        figure.add_scatter(
            x=row["test_accuracy"],
            y=row["generalization_gap"],
            error_x=_errors(row, "test_accuracy", "test"),
            error_y=_errors(row, "generalization_gap", "gap"),
            mode="markers",
            name="best by validation, 95 % intervals",
            marker={"color": GAP, "size": 12, "symbol": "star"},
            hovertemplate=f"{described(measurements, best)}<extra></extra>",
        )
    # The points are the results as they are in the table; the axes show them in percent.
    draw_base_rate(figure, base_rate(measurements), along="x", in_percent=False)
    figure.update_xaxes(title_text="test accuracy", tickformat=".0%")
    figure.update_yaxes(title_text="generalization gap: train − test, in points", tickformat=".1%")
    title = "Test accuracy against generalization gap"
    return styled(figure, title, height=480, descriptive=measurements.descriptive)


def _in_words(row: Mapping[Hashable, Any]) -> str:
    return (
        f"trial {row['trial']}, train {percent(row['train_accuracy'])}<br>test "
        f"{percent(row['test_accuracy'])}, gap {points(row['generalization_gap'])} points"
    )


def pareto_front(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that no other beats in both test accuracy and gap, by test accuracy."""
    ordered = trials.sort_values(
        ["test_accuracy", "generalization_gap"], ascending=[False, True], kind="stable"
    )
    gap = ordered["generalization_gap"].to_numpy()
    before = np.concatenate([[np.inf], np.minimum.accumulate(gap)[:-1]]) if len(gap) else gap
    return ordered[gap < before].iloc[::-1]


def staircase(front: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """The corners of the line below which no trial lies: test accuracies and gaps, [2 n − 1].

    front are n trials as pareto_front orders them. What is at least as accurate as a point of the
    line has at least its gap, and a trial reaches it: from trial to trial the line goes up at the
    accuracy of the worse one, to the gap that more accuracy costs, and only then to the right.
    """
    accuracies = front["test_accuracy"].to_numpy(dtype=np.float64)
    gaps = front["generalization_gap"].to_numpy(dtype=np.float64)
    return np.repeat(accuracies, 2)[:-1], np.repeat(gaps, 2)[1:]


def incumbent_over_time(measurements: Measurements) -> go.Figure:
    """Validation and test accuracy of the best trial so far, and what BBC makes of the former."""
    path = overtuning(measurements.results)
    count = len(path)
    at = sorted({round(float(n)) for n in np.geomspace(1, count, 25)})
    corrected = selection_optimism(
        measurements.results, measurements.replicates, measurements.splits, at=at, resamples=300
    )
    figure = go.Figure()
    figure.add_scatter(
        x=[*corrected["trials"], *corrected["trials"][::-1]],
        y=[*100 * corrected["corrected_low"], *100 * corrected["corrected_high"][::-1]],
        mode="lines",
        fill="toself",
        fillcolor="rgba(124,58,237,0.12)",
        line={"width": 0},
        name="corrected, 95 %",
        hoverinfo="skip",
    )
    steps = path.drop_duplicates("incumbent")
    steps = pd.concat([steps, path.tail(1)])
    for column, name, colour in (
        ("validation_accuracy", "validation, as the search sees it", VALIDATION),
        ("test_accuracy", "test", TEST),
    ):
        figure.add_scatter(
            x=steps["trials"],
            y=100 * steps[column],
            mode="lines",
            name=name,
            line={"color": colour, "shape": "hv", "width": 2},
        )
    figure.add_scatter(
        x=corrected["trials"],
        y=100 * corrected["corrected"],
        mode="lines",
        name="validation, corrected for the choice (BBC)",
        line={"color": VALIDATION, "dash": "dot", "width": 2},
    )
    figure.update_xaxes(title_text="trials so far", type="log" if count > 20 else "linear")
    figure.update_yaxes(title_text="accuracy of the best trial so far (%)")
    note_base_rate(figure, base_rate(measurements))
    return styled(figure, "The best trial so far", height=420, descriptive=measurements.descriptive)


def _errors(row: pd.DataFrame, column: str, prefix: str) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": row[f"{prefix}_high"] - row[column],
        "arrayminus": row[column] - row[f"{prefix}_low"],
        "color": GAP,
    }
