"""What is said beside the accuracy: balanced accuracy, the loss and its gap, and whether that grows
while accuracy rests.

A network that is right as often as before may still grow surer of its mistakes. Accuracy does not
see that, the loss does: it is −ln of the probability that was given to the right class, in nats.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from study.analysis import Measurements
from study.analysis.intervals.random_effects import CONFIDENCE, FloatArray
from study.report.style import estimated, percent, points
from study.report.trials import is_truth_table, nats
from workers.segment import CURVE_EXAMPLES

STANDS_STILL = 0.01  # a test accuracy that moves less than a point, surely, stands still


@dataclass(frozen=True, slots=True)
class Change:
    """The mean over replicates, and the ends of its interval (NaN with one replicate)."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LateTraining:
    """From one epoch of a learning curve to another: the changes of loss gap and test accuracy."""

    first: int
    last: int
    loss_gap: Change
    test_accuracy: Change

    @property
    def gap_alone_grows(self) -> bool:
        """The loss gap grows, by more than its error, and test accuracy surely stays within a point
        of what it was: the whole of its interval does."""
        still = -STANDS_STILL < self.test_accuracy.low <= self.test_accuracy.high < STANDS_STILL
        return self.loss_gap.low > 0.0 and still


def balanced_sentence(measurements: Measurements, trial: int) -> str | None:
    """The trial's balanced test accuracy, beside what any constant answer has: 1 / classes.

    None where an earlier version recorded no balanced accuracy or no numbers of classes.
    """
    rows = measurements.replicates
    own = rows.loc[rows["trial"] == trial, "balanced_test_accuracy"].dropna()
    counts = measurements.splits["test_classes"].iloc[0]
    if own.empty or counts is None:
        return None
    present = int((np.asarray(counts) > 0).sum())
    return (
        f"With every class counted alike, trial {trial} is right on {percent(own.mean())} "
        "(balanced accuracy); whoever always says the same class is so on "
        f"{percent(1.0 / present)}."
    )


def loss_gap_sentence(measurements: Measurements, trial: int) -> str | None:
    """The trial's test loss − train loss, and where it holds, that the gap goes on growing while
    test accuracy stands still.

    None on a truth table, where both are of the same examples, and where no loss was recorded.
    Intervals are Student's over replicates, of the recipe on these test examples.
    """
    rows = measurements.replicates
    own = rows[(rows["trial"] == trial) & rows["train_loss"].notna() & rows["test_loss"].notna()]
    if is_truth_table(measurements) or own.empty:
        return None
    train, test = (own[name].to_numpy(dtype=np.float64) for name in ("train_loss", "test_loss"))
    gap = change_of(test - train)
    shown = estimated(gap.mean, gap.low, gap.high, nats)
    words = (
        f"The loss of trial {trial} is {nats(test.mean())} nats on test examples and "
        f"{nats(train.mean())} on training examples, a loss gap of {shown} over "
        "replicates, on these examples."
    )
    late = late_training(measurements, trial)
    if late is None or not late.gap_alone_grows:
        return words
    accuracy = late.test_accuracy
    return (
        f"{words} From epoch {late.first} to epoch {late.last} that gap grew by "
        f"{estimated(late.loss_gap.mean, late.loss_gap.low, late.loss_gap.high, nats)} while test "
        f"accuracy stood still ({points(accuracy.low)} to {points(accuracy.high)} points)."
    )


def late_training(measurements: Measurements, trial: int) -> LateTraining | None:
    """The second half of the trial's learning curve: from the last measured epoch in the first half
    of the training to the last one whose train loss is of the same examples.

    None without two such epochs, or with fewer than two replicates. The epochs follow from the
    study's settings, not from the curve: chosen by the curve they would find growth in noise.
    """
    rows = measurements.learning_curves
    curves = rows[rows["trial"] == trial]
    trained = measurements.specification["training"]["epochs"]
    epochs = sorted(int(epoch) for epoch in curves["epoch"].unique())
    if _used_examples(measurements, trial) > CURVE_EXAMPLES:
        epochs = [epoch for epoch in epochs if epoch < trained]  # the last is of all examples
    early = [epoch for epoch in epochs if epoch <= trained / 2]
    if not early or epochs[-1] <= early[-1] or curves["replicate"].nunique() < 2:
        return None
    first, last = early[-1], epochs[-1]
    gap = (curves["test_loss"] - curves["train_loss"]).rename("loss_gap")
    quantities = ["loss_gap", "test_accuracy"]
    wide = curves.assign(loss_gap=gap).pivot_table(quantities, index="replicate", columns="epoch")
    loss_gap, accuracy = (_difference(wide, q, first, last) for q in quantities)
    one = 1.0 / len(measurements.splits["test_index"].iloc[0])
    return LateTraining(first, last, change_of(loss_gap), change_of(accuracy, one))


def change_of(values: FloatArray, least: float = 0.0) -> Change:
    """The mean of one value per replicate, with Student's interval, which reaches at least so far
    on either side."""
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Change(mean, float("nan"), float("nan"))
    error = float(np.std(values, ddof=1)) / count**0.5
    margin = float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, count - 1)) * error
    margin = max(margin, least)
    return Change(mean, mean - margin, mean + margin)


def _difference(wide: pd.DataFrame, quantity: str, first: int, last: int) -> FloatArray:
    """[R]: from one epoch to the other, of the replicates that have both."""
    both = wide[[(quantity, first), (quantity, last)]].dropna().to_numpy(dtype=np.float64)
    return np.asarray(both[:, 1] - both[:, 0])


def _used_examples(measurements: Measurements, trial: int) -> int:
    rows = measurements.replicates
    return int(rows.loc[rows["trial"] == trial, "train_examples"].max())
