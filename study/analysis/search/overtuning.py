"""Overtuning: searching on may replace a good configuration by one that only validates better."""

import numpy as np
import pandas as pd

from study.analysis.trials import distinct_trials


def overtuning(
    results: pd.DataFrame, objective: str = "validation_accuracy", *, maximize: bool = True
) -> pd.DataFrame:
    """The incumbent after every complete trial, in the order in which the trials were tried.

    Columns trials (how many so far), incumbent, validation_accuracy, test_accuracy, best_test (the
    best test accuracy any incumbent had so far) and overtuning = best_test − test_accuracy:
    test_error(incumbent_t) − min over t' ≤ t of test_error(incumbent_t'), Schneider, Bischl and
    Feurer, Overtuning in hyperparameter optimization, AutoML 2025. It is never negative, and
    chance alone makes it a little positive.
    """
    kept = distinct_trials(results).sort_values("trial")
    score = kept[objective].to_numpy(dtype=np.float64) * (1.0 if maximize else -1.0)
    before = np.concatenate([[-np.inf], np.maximum.accumulate(score)[:-1]])
    places = np.maximum.accumulate(np.where(score > before, np.arange(len(score)), 0))
    incumbents = kept.iloc[places]
    test = incumbents["test_accuracy"].to_numpy(dtype=np.float64)
    best = np.maximum.accumulate(test)
    return pd.DataFrame(
        {
            "trials": np.arange(1, len(kept) + 1),
            "incumbent": incumbents["trial"].to_numpy(),
            "validation_accuracy": incumbents["validation_accuracy"].to_numpy(),
            "test_accuracy": test,
            "best_test": best,
            "overtuning": best - test,
        }
    )


def relative_overtuning(path: pd.DataFrame) -> float | None:
    """Overtuning at the end of the path, as a share of what the best incumbent had gained over the
    first configuration; None where none had gained anything.

    0: no overtuning; above 1: the last incumbent is worse than the first configuration. Schneider,
    Bischl and Feurer, Overtuning in hyperparameter optimization, AutoML 2025.
    """
    gained = float(path["best_test"].iloc[-1] - path["test_accuracy"].iloc[0])
    return float(path["overtuning"].iloc[-1]) / gained if gained > 0.0 else None
