"""Whether the loss gradient reaches the first layers, or vanishes or explodes on its way back."""

import numpy as np
import pandas as pd

SMALLEST = 1e-30  # what a gradient of exactly zero is drawn at on a logarithmic axis


def gradient_flow(results: pd.DataFrame, layer_statistics: pd.DataFrame) -> pd.DataFrame:
    """One row per trial, hidden layer and recorded epoch (0: before training).

    Columns trial, depth, activation, initialization, layer (1 is next to the input), epoch,
    gradient_norm (geometric mean over replicates), saturated (share of flat activations or dead
    units), relative_gradient (gradient_norm / that of the trial's last hidden layer).
    """
    logarithm = np.log(layer_statistics["gradient_norm"].clip(lower=SMALLEST))
    averaged = (
        layer_statistics.assign(gradient_norm=logarithm)
        .groupby(["trial", "layer", "epoch"], as_index=False)[["gradient_norm", "saturated"]]
        .mean()
    )
    averaged["gradient_norm"] = np.exp(averaged["gradient_norm"])
    last = averaged.loc[averaged.groupby(["trial", "epoch"])["layer"].idxmax()]
    norms = last.set_index(["trial", "epoch"])["gradient_norm"]
    keys = pd.MultiIndex.from_frame(averaged[["trial", "epoch"]])
    averaged["relative_gradient"] = averaged["gradient_norm"] / norms.reindex(keys).to_numpy()
    about = results[["trial", "depth", "activation", "initialization"]]
    return about.merge(averaged, on="trial", how="inner")


def first_layer_gradients(results: pd.DataFrame, layer_statistics: pd.DataFrame) -> pd.DataFrame:
    """One row per depth and activation: how much gradient the first hidden layer gets.

    Columns depth, activation, trials, initial_gradient, final_gradient (geometric means over
    trials and replicates of the first layer's gradient norm, before and after training) and
    initial_ratio (first layer's / last hidden layer's, before training).
    """
    flow = gradient_flow(results, layer_statistics)
    first = flow[flow["layer"] == 1]
    before = first[first["epoch"] == 0].set_index("trial")
    after = first[first["epoch"] > 0].set_index("trial")
    table = before[["depth", "activation"]].assign(
        initial_gradient=np.log(before["gradient_norm"]),
        initial_ratio=np.log(before["relative_gradient"].clip(lower=SMALLEST)),
        final_gradient=np.log(after["gradient_norm"].groupby(level=0).last()),
    )
    grouped = table.groupby(["depth", "activation"], observed=True)
    means = grouped[["initial_gradient", "final_gradient", "initial_ratio"]].mean().apply(np.exp)
    means.insert(0, "trials", grouped.size())
    return means.reset_index()
