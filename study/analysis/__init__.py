"""From what was measured to what may be concluded: functions from DataFrames to DataFrames.

    from study.analysis import load_measurements, marginal_effects

    m = load_measurements("digits", "sqlite:///study.db")
    marginal_effects(m.results, m.replicates, m.splits, ["depth", "dropout"]).table

One file per question. Where trials were chosen adaptively, a Finding says `descriptive`.
"""

from study.analysis.comparison import (
    Difference,
    compare_trials,
    corrected_resampled_t,
    mcnemar,
    paired_difference,
)
from study.analysis.confirmation import confirmed_trials
from study.analysis.effects.causes import Causes, causes_of
from study.analysis.effects.finding import Finding
from study.analysis.effects.importance import importances
from study.analysis.effects.marginal import marginal_effects
from study.analysis.ensembles import ensemble_curve
from study.analysis.gap import generalization_gaps
from study.analysis.gradient_flow import first_layer_gradients, gradient_flow
from study.analysis.intervals.correctness import Outcomes, outcomes_on_test
from study.analysis.intervals.multiplicity import holm
from study.analysis.learning import learned
from study.analysis.measurements import Measurements, load_measurements, load_splits
from study.analysis.search.overtuning import overtuning
from study.analysis.search.selection import selection_optimism
from study.analysis.search.within_run import within_run_overfitting
from study.analysis.trials import distinct_trials
from study.analysis.verdicts import verdicts

__all__ = [
    "Causes",
    "Difference",
    "Finding",
    "Measurements",
    "Outcomes",
    "causes_of",
    "compare_trials",
    "confirmed_trials",
    "corrected_resampled_t",
    "distinct_trials",
    "ensemble_curve",
    "first_layer_gradients",
    "generalization_gaps",
    "gradient_flow",
    "holm",
    "importances",
    "learned",
    "load_measurements",
    "load_splits",
    "marginal_effects",
    "mcnemar",
    "outcomes_on_test",
    "overtuning",
    "paired_difference",
    "selection_optimism",
    "verdicts",
    "within_run_overfitting",
]
