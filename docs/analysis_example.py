"""From a results table to a conclusion, step by step.

    study launch dropout
    python docs/analysis_example.py

Every step is a function from DataFrame to DataFrame, so each can be had alone in a notebook.
"""

import sys

from study.analysis import (
    causes_of,
    distinct_trials,
    generalization_gaps,
    learned,
    load_measurements,
    marginal_effects,
    outcomes_on_test,
    paired_difference,
    selection_optimism,
    within_run_overfitting,
)
from study.analysis.search.overtuning import overtuning

STORAGE = sys.argv[1] if len(sys.argv) > 1 else "sqlite:///study.db"

# %% What was measured: plain frames. `study.load_results("dropout", STORAGE)` loads one of them.
m = load_measurements("dropout", STORAGE)
print(m.results[["trial", "width", "dropout", "train_accuracy", "test_accuracy"]].round(3))

# %% Which trials count: complete ones, each configuration once, and did they learn anything?
trials = distinct_trials(m.results)
print(f"\n{learned(trials, m.splits).sum()} of {len(trials)} learned their training set")

# %% How much does each overfit? The interval is over train/validation splits, initial weights and
# test examples: what another draw of all of these would give.
gaps = generalization_gaps(m.replicates, m.splits)
print(gaps[["trial", "generalization_gap", "gap_low", "gap_high"]].round(3))

# %% What does dropout do? The mean over widths, against the trials at all other rates. The grid was
# searched to its end, so its trials are all there is and only replicates and examples vary.
columns = ["level", "mean", "low", "high", "effect", "effect_low", "effect_high", "p_holm"]
for quantity in ("generalization_gap", "test_accuracy"):
    found = marginal_effects(
        m.results,
        m.replicates,
        m.splits,
        ["dropout"],
        quantity,
        complete=m.complete,
        descriptive=m.descriptive,
    )
    print(f"\n{quantity}{' (descriptive)' if found.descriptive else ''}")
    print(found.table[columns].round(3).to_string(index=False))

# %% Which hyperparameter moves the gap, beyond the luck that trials share? Tested against how much
# the levels' differences change from replicate to replicate, and for all hyperparameters at once.
causes = causes_of(m.results, m.replicates, m.splits, ["width", "dropout"], complete=m.complete)
print(f"\nwhat moves the gap: {causes.answer.value}")
columns = ["hyperparameter", "level", "against", "difference", "low", "high", "p_holm"]
print(causes.table[columns].round(4).to_string(index=False))

# %% Is a half better than none at the same width? Both saw the same splits and the same test
# examples, so they are compared pairwise, which is far more precise than two intervals.
wide = trials[trials["width"] == 128].set_index("dropout")["trial"]
test = outcomes_on_test(m.replicates, m.splits)
difference = paired_difference(test, int(wide[0.5]), int(wide[0.0]), "test_accuracy")
print(
    f"\nat width 128, dropout 0.5 − 0.0: {100 * difference.estimate:+.1f} points of test accuracy "
    f"({100 * difference.low:+.1f} to {100 * difference.high:+.1f}), p = {difference.p_value:.2g}"
)

# %% How lucky was the winner of the search, and did searching on make it worse?
print(selection_optimism(m.results, m.replicates, m.splits).round(4).T.to_string(header=False))
print(f"overtuning at the end: {100 * overtuning(m.results)['overtuning'].iloc[-1]:.1f} points")

# %% Did training go on for too long?
late = within_run_overfitting(m.learning_curves).merge(trials[["trial", "width", "dropout"]])
print(late[["width", "dropout", "best_epoch", "last_epoch", "test_drop"]].round(3))
