"""What the hyperparameters do: effects on gap and on test accuracy, and importances for both."""

from functools import lru_cache

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from study.analysis import Measurements, distinct_trials, importances, learned, marginal_effects
from study.analysis.effects.causes import Answer, Causes, causes_of
from study.report.style import GAP, GREY, INK, TEST, interval_bars, note_base_rate, styled
from study.report.trials import base_rate, is_truth_table, varying

GAP_COLUMN = "generalization_gap"
BOTH = ((GAP_COLUMN, "gap", GAP), ("test_accuracy", "test accuracy", TEST))


def quantities(measurements: Measurements) -> tuple[tuple[str, str, str], ...]:
    """Column, name and colour of what effects are shown of: on a truth table there is no gap."""
    return BOTH[1:] if is_truth_table(measurements) else BOTH


@lru_cache(maxsize=8)
def importance_table(measurements: Measurements, quantity: str) -> pd.DataFrame:
    """importances among the trials that learned; remembered, for the sentences and the picture."""
    return importances(
        measurements.results,
        measurements.splits,
        varying(measurements),
        quantity,
        only_learned=True,
        descriptive=measurements.descriptive,
    ).table


@lru_cache(maxsize=8)
def found_causes(measurements: Measurements, quantity: str) -> Causes:
    """What moves the quantity among the trials that learned; remembered, for sentences and
    pictures."""
    return causes_of(
        measurements.results,
        measurements.replicates,
        measurements.splits,
        varying(measurements),
        quantity,
        complete=measurements.complete,
    )


def effects_figure(measurements: Measurements) -> go.Figure | None:
    """A row per hyperparameter: its levels' mean gap left, mean test accuracy right."""
    names = varying(measurements)
    if not names:
        return None
    shown = quantities(measurements)
    figure = make_subplots(
        rows=len(names),
        cols=len(shown),
        vertical_spacing=0.35 / len(names) if len(names) > 1 else 0.0,
        subplot_titles=[
            f"{name.replace('_', ' ')}: {label} ({'points' if quantity == GAP_COLUMN else '%'})"
            for name in names
            for quantity, label, _ in shown
        ],
    )
    populations = [("all trials", False)]
    kept = distinct_trials(measurements.results)
    if not learned(kept, measurements.splits).all():
        populations.append(("trials that learned", True))
    named = len(populations) > 1
    for column, (quantity, _, colour) in enumerate(shown, start=1):
        for label, only_learned in populations:
            table = marginal_effects(
                measurements.results,
                measurements.replicates,
                measurements.splits,
                names,
                quantity,
                only_learned=only_learned,
                complete=measurements.complete,
            ).table
            main = only_learned or len(populations) == 1
            for row, name in enumerate(names, start=1):
                own = table[table["hyperparameter"] == name]
                figure.add_trace(
                    _levels(
                        own,
                        label,
                        colour if main else GREY,
                        named=named and row == column == 1,
                        ordered=kept[name].dtype != "category",
                    ),
                    row=row,
                    col=column,
                )
    figure.update_annotations(font_size=13)
    note_base_rate(figure, base_rate(measurements))
    figure.update_xaxes(type="category", tickangle=0, tickfont={"size": 11})
    title = "Mean per level, with 95 % intervals"
    height = 130 + 210 * len(names)
    styled(figure, title, height=height, descriptive=measurements.descriptive)
    return figure.update_layout(legend={"y": -60 / height})


def _levels(
    own: pd.DataFrame, label: str, colour: str, *, named: bool, ordered: bool
) -> go.Scatter:
    return go.Scatter(
        x=own["level"],
        y=100 * own["mean"],
        error_y=interval_bars(own, thickness=1.5),
        mode="lines+markers" if ordered else "markers",
        name=label,
        legendgroup=label,
        showlegend=named,
        line={"color": colour, "width": 1},
        marker={"size": 8},
        customdata=own[["trials", "low", "high"]] * [1, 100, 100],
        hovertemplate=(
            "%{x}: %{y:.1f} (%{customdata[1]:.1f} to %{customdata[2]:.1f}), "
            "%{customdata[0]} trials<extra></extra>"
        ),
    )


def importances_figure(measurements: Measurements) -> go.Figure | None:
    """Both measures for the quantities that something is known to move; None where nothing is."""
    names = varying(measurements)
    # The forest of a quantity that nothing is known to move would rank its noise, and of a grid of
    # a few trials none is grown.
    shown = []
    for entry in quantities(measurements):
        causes = found_causes(measurements, entry[0])
        if causes.answer is Answer.CAUSES and causes.r_squared is not None:
            shown.append(entry)
    if not shown or len(names) < 2:
        return None
    figure = make_subplots(
        rows=1,
        cols=len(shown),
        shared_yaxes=True,
        subplot_titles=[f"for {label}" for _, label, _ in shown],
        horizontal_spacing=0.05,
    )
    order: list[str] = []
    for column, (quantity, _, _) in enumerate(shown, start=1):
        table = importance_table(measurements, quantity).iloc[::-1]
        order = order or [name.replace("_", " ") for name in table["hyperparameter"]]
        for measure, label, colour in (
            ("ped_anova", "PED-ANOVA: what gets into the best 10 %", GREY),
            ("fanova", "fANOVA: share of variance explained alone", INK),
        ):
            figure.add_bar(
                x=table[measure],
                y=[name.replace("_", " ") for name in table["hyperparameter"]],
                orientation="h",
                name=label,
                legendgroup=measure,
                showlegend=column == 1,
                marker={"color": colour},
                row=1,
                col=column,
            )
    figure.update_yaxes(categoryorder="array", categoryarray=order)
    figure.update_xaxes(range=[0, 1])
    height = 190 + 42 * len(names)
    title = "Importance among the trials that learned"
    return styled(figure, title, height=height, descriptive=measurements.descriptive)
