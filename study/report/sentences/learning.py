"""Which networks learned something, and which learned by heart."""

from study.analysis import Measurements, distinct_trials, learned
from study.analysis.confirmation import failed_among_learned
from study.analysis.learning import memorized
from study.report.style import percent
from study.report.trials import is_truth_table, number


def not_learned(measurements: Measurements) -> str | None:
    """None where all trials learned."""
    kept = distinct_trials(measurements.results)
    nothing = int((~learned(kept, measurements.splits)).sum())
    if nothing == 0:
        return None
    if is_truth_table(measurements):
        words = f"{nothing} of {len(kept)} trials learned nothing of the table"
    else:
        words = (
            f"{nothing} of {len(kept)} trials did not learn their training set: their loss on it "
            "is no better than that of knowing how frequent its classes are, and such a network "
            "has no gap"
        )
    return f"{words}." if nothing == len(kept) else f"{words}. Effects are those of the others."


def learned_by_heart(measurements: Measurements) -> str | None:
    """None where no trial fits its training set and fails on the test set."""
    kept = distinct_trials(measurements.results)
    worst = kept[memorized(kept, measurements.splits)]
    if worst.empty:
        return None
    rate = percent(measurements.splits["majority_test_accuracy"].mean())
    accuracy = percent(worst["train_accuracy"].astype("float64").mean())
    fit = "fits its" if len(worst) == 1 else "fit their"
    is_no_better = "is" if len(worst) == 1 else "are"
    learn = "What it learned" if len(worst) == 1 else "What they learned"
    return (
        f"{len(worst)} of {len(kept)} trials {fit} training examples ({accuracy} right) and "
        f"{is_no_better} no better on the test set than a constant prediction ({rate} right). "
        f"{learn} was learned by heart: this is the worst overfitting there is, and it counts in "
        "all effects."
    )


def failed_seeds(measurements: Measurements) -> str | None:
    """Seeds that failed in trials of which others learned; None where there are none."""
    if is_truth_table(measurements):
        return None
    failed = failed_among_learned(measurements)
    if not failed.any():
        return None
    trials = int(measurements.replicates.loc[failed.index[failed], "trial"].nunique())
    return (
        f"{int(failed.sum())} of {number(len(failed), 'seed')} failed, in "
        f"{number(trials, 'trial')}: their networks diverged or did not learn their training set, "
        "though other seeds of the same trials did. Means over replicates are over both kinds."
    )


def diverged_networks(measurements: Measurements) -> str | None:
    """None where all networks stayed finite."""
    kept = distinct_trials(measurements.results)
    networks = int(kept["diverged"].fillna(0).sum())
    if networks == 0:
        return None
    trials = int((kept["diverged"].fillna(0) > 0).sum())
    predict = "it predicts" if networks == 1 else "they predict"
    return (
        f"{number(networks, 'network')} of {number(trials, 'trial')} diverged (loss or weights "
        f"became infinite): {predict} how frequent the training classes are."
    )


def all_diverged(measurements: Measurements) -> str | None:
    """None where any trial has a network that did not diverge."""
    kept = distinct_trials(measurements.results)
    networks = kept["ensemble_size"].fillna(1) * measurements.replicates["replicate"].nunique()
    if (kept["diverged"].fillna(0) < networks).any():
        return None
    return (
        f"All networks diverged, those of every trial ({len(kept)}): nothing was learned, and "
        "nothing below says anything about the data. Try a smaller learning rate."
    )
