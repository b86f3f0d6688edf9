"""What happened inside trials: learning curves, gradients, ensembles."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from study.analysis import (
    Measurements,
    distinct_trials,
    ensemble_curve,
    first_layer_gradients,
    gradient_flow,
)
from study.report.style import (
    BASE_RATE,
    GAP,
    PALETTE,
    TEST,
    TRAIN,
    VALIDATION,
    draw_base_rate,
    interval_bars,
    percent,
    styled,
)
from study.report.trials import base_rate
from workers.segment import CURVE_EXAMPLES

CURVES = (
    ("train_accuracy", "train", TRAIN),
    ("validation_accuracy", "validation", VALIDATION),
    ("test_accuracy", "test", TEST),
)


def train_is_drawn_apart(measurements: Measurements, trial: int) -> bool:
    """Whether the last point of the trial's train curve is of more examples than the others."""
    rows = measurements.replicates
    own = rows.loc[rows["trial"] == trial, "train_examples"]
    curves = measurements.learning_curves
    epochs = curves.loc[curves["trial"] == trial, "epoch"]
    is_whole = bool((epochs == measurements.specification["training"]["epochs"]).any())
    return is_whole and epochs.nunique() > 1 and bool((own > CURVE_EXAMPLES).any())


def learning_curves(measurements: Measurements, best: int, worst: int) -> go.Figure:
    """Accuracy by epoch of two trials, the mean over replicates, with their range.

    The train accuracy of the last epoch is a mark of its own where it alone is of all examples.
    """
    chosen = [best] if best == worst else [best, worst]
    labels = [f"best by validation: trial {best}", f"most overfitting: trial {worst}"]
    figure = make_subplots(
        rows=1, cols=len(chosen), shared_yaxes=True, subplot_titles=labels[: len(chosen)]
    )
    shown: set[str] = set()  # in the legend
    for column, trial in enumerate(chosen, start=1):
        rows = measurements.learning_curves
        by_epoch = rows[rows["trial"] == trial].groupby("epoch")
        apart = train_is_drawn_apart(measurements, trial)
        for name, label, colour in CURVES:
            values = by_epoch[name]
            curve = pd.DataFrame({"mean": values.mean(), "low": values.min(), "high": values.max()})
            parts = [(curve, label, {"mode": "lines", "line": {"color": colour, "width": 2}})]
            if name == "train_accuracy" and apart:
                marker = {"color": colour, "size": 8, "symbol": "diamond"}
                parts = [
                    (curve[:-1], f"train, first {CURVE_EXAMPLES} examples", parts[0][2]),
                    (curve[-1:], "train, all examples", {"mode": "markers", "marker": marker}),
                ]
            for part, said, look in parts:
                figure.add_scatter(
                    x=part.index,
                    y=100 * part["mean"],
                    error_y=interval_bars(part, thickness=1, width=2),
                    name=said,
                    legendgroup=said,
                    showlegend=said not in shown,
                    row=1,
                    col=column,
                    **look,
                )
                shown.add(said)
        draw_base_rate(figure, base_rate(measurements), along="y", row=1, col=column)
    figure.update_xaxes(title_text="epoch", type="log")
    figure.update_yaxes(title_text="accuracy (%)", col=1)
    title = "Learning curves, with the range over replicates"
    return styled(figure, title, height=420, descriptive=measurements.descriptive)


def depth_by_activation(measurements: Measurements) -> go.Figure | None:
    """Heat maps of test accuracy and of the first layer's gradient; None if neither varies."""
    kept = distinct_trials(measurements.results)
    if kept["depth"].nunique() < 2 and kept["activation"].nunique() < 2:
        return None
    accuracy = kept.pivot_table(
        index="activation", columns="depth", values="test_accuracy", observed=True
    )
    gradients = first_layer_gradients(kept, measurements.layer_statistics).pivot_table(
        index="activation", columns="depth", values="initial_gradient", observed=True
    )
    figure = make_subplots(
        rows=1,
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.16,
        subplot_titles=[
            f"test accuracy (%); {BASE_RATE} {percent(base_rate(measurements))}",
            "log10 of the first layer's initial gradient norm",
        ],
    )
    tables = (100 * accuracy, gradients.apply(np.log10))
    looks = (("Blues", 0.43, ".1f"), ("Viridis", 1.01, ".2f"))
    for column, (table, (scale, place, digits)) in enumerate(
        zip(tables, looks, strict=True), start=1
    ):
        figure.add_heatmap(
            z=table.to_numpy(),
            x=[str(depth) for depth in table.columns],
            y=list(table.index),
            colorscale=scale,
            colorbar={"x": place, "thickness": 12},
            texttemplate=f"%{{z:{digits}}}" if table.size <= 60 else None,
            hovertemplate=f"depth %{{x}}, %{{y}}: %{{z:{digits}}}<extra></extra>",
            row=1,
            col=column,
        )
    figure.update_xaxes(title_text="hidden layers", type="category")
    height = 200 + 38 * len(accuracy)
    title = "Depth and activation"
    return styled(figure, title, height=height, descriptive=measurements.descriptive)


def gradients_by_layer(measurements: Measurements) -> go.Figure | None:
    """The gradient norm along the layers of the deepest trials, a line per activation."""
    kept = distinct_trials(measurements.results)
    deepest = kept[kept["depth"] == kept["depth"].max()]
    if int(deepest["depth"].iloc[0]) < 3:
        return None
    flow = gradient_flow(deepest, measurements.layer_statistics)
    flow = flow[flow["epoch"] == 0]
    by = "activation" if flow["activation"].nunique() > 1 else "initialization"
    figure = go.Figure()
    for place, (label, own) in enumerate(flow.groupby(by, observed=True)):
        norms = np.exp(np.log(own["gradient_norm"]).groupby(own["layer"]).mean())
        figure.add_scatter(
            x=norms.index,
            y=norms,
            mode="lines+markers",
            name=str(label),
            line={"color": PALETTE[place % len(PALETTE)]},
        )
    figure.update_xaxes(title_text="hidden layer (1 is next to the input)", dtick=1)
    figure.update_yaxes(title_text="gradient norm before training", type="log")
    title = f"How the gradient travels back through {deepest['depth'].iloc[0]} hidden layers"
    return styled(figure, title, height=420, descriptive=measurements.descriptive)


def ensemble_sizes(measurements: Measurements) -> go.Figure | None:
    """Test accuracy and gap by ensemble size; None without ensembles."""
    table = ensemble_curve(
        measurements.results, measurements.members, complete=measurements.complete
    )
    if table.empty:
        return None
    figure = make_subplots(
        rows=1, cols=2, subplot_titles=["gain in test accuracy", "change of the gap"]
    )
    for column, (name, colour) in enumerate((("gain", TEST), ("gap_change", GAP)), start=1):
        figure.add_scatter(
            x=table["size"],
            y=100 * table[name],
            error_y={"type": "data", "array": 100 * (table[f"{name}_high"] - table[name])},
            mode="lines+markers",
            line={"color": colour},
            showlegend=False,
            row=1,
            col=column,
        )
    figure.update_xaxes(title_text="members", dtick=1)
    figure.update_yaxes(title_text="points against one member", col=1)
    trials = int(table["trials"].iloc[0])
    title = f"Ensemble size, over {trials} trial{'s' if trials > 1 else ''}, 95 % intervals"
    return styled(figure, title, height=380, descriptive=measurements.descriptive)
