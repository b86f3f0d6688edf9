"""What a configuration does on replicates that chose nothing.

The winner of a search is picked by networks whose seeds and splits suited it, so its own figures
are too good. Those of fresh replicates are not: their mean is that of the configuration, and how
far they lie apart says what to expect of the next network.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from study.analysis.gap import generalization_gaps
from study.analysis.intervals.random_effects import CONFIDENCE, FloatArray
from study.analysis.learning import failed_seeds, is_truth_table, learned
from study.analysis.measurements import ConfirmationFrames, Measurements
from study.analysis.proportions import share_interval
from study.analysis.trials import distinct_trials
from study.specification.spec import Objective


@dataclass(frozen=True, slots=True)
class ConfirmedTrial:
    """A trial on k fresh replicates, beside what the search's own replicates said of it.

    test_low to test_high is the interval of the configuration's test accuracy, gap_low to gap_high
    of its generalization gap, failed_low to failed_high of the share of seeds that fail. members is
    the size of its ensembles.

    fragile: seeds of trials that learned failed in the search, so that seeds of this trial may fail
    too, though none did here.

    next_low to next_high is where one next network's accuracy on these test examples is to be
    expected. observed: it is the range that was seen, in which the next one lies with a chance of
    (k − 1) / (k + 1); some seeds failed and others did not, and no one spread describes both.
    """

    trial: int
    replicates: int
    members: int
    train_accuracy: float
    test_accuracy: float
    test_low: float
    test_high: float
    generalization_gap: float
    gap_low: float
    gap_high: float
    next_low: float
    next_high: float
    observed: bool
    failed: int
    failed_low: float
    failed_high: float
    fragile: bool
    search_replicates: int
    search_test_accuracy: float

    @property
    def luck(self) -> float:
        """How much better the networks were that the search saw: of a winner, selection luck."""
        return self.search_test_accuracy - self.test_accuracy


def confirmed_trials(measurements: Measurements) -> tuple[ConfirmedTrial, ...]:
    """Every confirmed trial, in the order of the study's first objective, the best one first."""
    frames = measurements.confirmation
    if frames is None:
        return ()
    objective = Objective(measurements.specification["objective"][0])
    confirmed = measurements.results[
        measurements.results["trial"].isin(frames.replicates["trial"])
    ].sort_values(objective.value, ascending=objective.direction == "minimize", kind="stable")
    searched = int(measurements.specification["training"]["replicates"])
    # Of a truth table all there is was trained on: a seed that fails is in its mean and interval.
    table = is_truth_table(measurements.splits)
    fragile = not table and bool(failed_among_learned(measurements).any())
    return tuple(_confirmed(frames, row, searched, fragile) for _, row in confirmed.iterrows())


def failed_among_learned(measurements: Measurements) -> "pd.Series[bool]":
    """Per replicate of the search, of trials that learned, whether its seed failed."""
    kept = distinct_trials(measurements.results)
    names = kept.loc[learned(kept, measurements.splits), "trial"]
    rows = measurements.replicates[measurements.replicates["trial"].isin(names)]
    return failed_seeds(rows, measurements.members, measurements.splits)


def _confirmed(
    frames: ConfirmationFrames, row: "pd.Series", searched: int, fragile: bool
) -> ConfirmedTrial:
    own = frames.replicates[frames.replicates["trial"] == row["trial"]].sort_values("replicate")
    splits = frames.splits[frames.splits["replicate"].isin(own["replicate"])]
    members = frames.members[frames.members["trial"] == row["trial"]]
    gap = generalization_gaps(own, splits).iloc[0]
    failed = failed_seeds(own, members, splits)
    count, failures = len(own), int(failed.sum())
    accuracy = own["test_accuracy"].to_numpy(dtype=np.float64)
    observed = 0 < failures < count
    examples = len(splits["test_index"].iloc[0])
    low, high = float(accuracy.min()), float(accuracy.max())
    if not observed:
        low, high = next_accuracy(accuracy, examples)
    failed_low, failed_high = share_interval(failures, count)
    return ConfirmedTrial(
        trial=int(row["trial"]),
        replicates=count,
        members=int(row["ensemble_size"]),
        **{
            name: float(gap[name])
            for name in (
                *("train_accuracy", "test_accuracy", "test_low", "test_high"),
                *("generalization_gap", "gap_low", "gap_high"),
            )
        },
        next_low=low,
        next_high=high,
        observed=observed,
        failed=failures,
        failed_low=failed_low,
        failed_high=failed_high,
        fragile=fragile,
        search_replicates=searched,
        search_test_accuracy=float(row["test_accuracy"]),
    )


def next_accuracy(
    accuracy: FloatArray, examples: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Where one further draw from where these [k] are from is to be expected, k ≥ 2; each is a
    share of `examples`.

    Student's prediction interval, mean ± t · s · √(1 + 1/k): for accuracies that lie around one
    value (Hahn and Meeker, Statistical Intervals, 1991, chapter 4). Within [0, 1], and never
    narrower than one example more or less: equal accuracies do not make the next one certain.
    """
    count = len(accuracy)
    quantile = float(stats.t.ppf(0.5 + confidence / 2.0, count - 1))
    reach = quantile * float(accuracy.std(ddof=1)) * float(np.sqrt(1.0 + 1.0 / count))
    reach = max(reach, 1.0 / examples)
    mean = float(accuracy.mean())
    return max(mean - reach, 0.0), min(mean + reach, 1.0)
