"""Within a run: did training go on for too long?"""

import numpy as np
import pandas as pd
from scipy import stats

from study.analysis.intervals.random_effects import CONFIDENCE


def within_run_overfitting(
    learning_curves: pd.DataFrame, confidence: float = CONFIDENCE
) -> pd.DataFrame:
    """One row per trial: what stopping at the best epoch by validation accuracy would have won.

    Columns trial, best_epoch (median over replicates), last_epoch, validation_drop (best epoch's
    validation accuracy − last epoch's, mean over replicates), test_drop (the same epochs' test
    accuracies) with test_drop_low and test_drop_high over replicates (Student's t; NaN for one).
    validation_drop is the maximum of noisy scores, never negative, and a little too large;
    test_drop, on examples that did not choose the epoch, is not.
    """
    curves = learning_curves.sort_values(["trial", "replicate", "epoch"], kind="stable")
    by_run = curves.groupby(["trial", "replicate"])
    last = curves.loc[by_run["epoch"].idxmax()].set_index(["trial", "replicate"])
    best = curves.loc[by_run["validation_accuracy"].idxmax()].set_index(["trial", "replicate"])
    runs = pd.DataFrame(
        {
            "best_epoch": best["epoch"],
            "last_epoch": last["epoch"],
            "validation_drop": best["validation_accuracy"] - last["validation_accuracy"],
            "test_drop": best["test_accuracy"] - last["test_accuracy"],
        }
    )
    by_trial = runs.groupby("trial")
    table = pd.DataFrame(
        {
            "best_epoch": by_trial["best_epoch"].median(),
            "last_epoch": by_trial["last_epoch"].max(),
            "validation_drop": by_trial["validation_drop"].mean(),
            "test_drop": by_trial["test_drop"].mean(),
        }
    )
    count = by_trial.size()
    quantile = stats.t.ppf(0.5 + confidence / 2, np.maximum(count.to_numpy() - 1, 1))
    margin = by_trial["test_drop"].std() * quantile / count**0.5
    table["test_drop_low"] = table["test_drop"] - margin
    table["test_drop_high"] = table["test_drop"] + margin
    return table.reset_index()
