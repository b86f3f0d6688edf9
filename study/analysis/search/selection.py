"""Selection optimism: how much too good the winner's validation accuracy looks.

The best of many noisy scores is partly the luckiest. BBC (Tsamardinos, Greasidou and Borboudakis,
Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation, Machine
Learning 107, 2018) corrects for it without training anything again: draw validation examples with
replacement, let the configuration win that is best on them, score it on those not drawn, average.
Examples are drawn by identity, or their groups where they come in groups, for all replicates at
once, and the winner is chosen by its mean over replicates, as the study chooses.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from study.analysis.intervals.correctness import (
    IntArray,
    ValidationOutcomes,
    outcomes_on_validation,
)
from study.analysis.intervals.random_effects import CONFIDENCE, FloatArray
from study.analysis.trials import distinct_trials
from study.errors import InvalidInput

RESAMPLES = 1000


def selection_optimism(
    results: pd.DataFrame,
    replicates: pd.DataFrame,
    splits: pd.DataFrame,
    *,
    at: list[int] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> pd.DataFrame:
    """What the winner by validation accuracy scored, there and on the test set, and corrected.

    One row per number of trials in `at` (default: all of them), as if the search had ended there.
    Columns trials, winner, validation_accuracy, test_accuracy, optimism (validation − test),
    corrected (BBC), corrected_low, corrected_high (percentiles of the resamples), correction
    (validation − corrected). On 100 configurations that are all alike corrected is right in the
    mean, within 0.7 points for a single study, and the percentiles are too wide: they cover 100 %
    instead of 95, because the examples out of the bag are only a third.
    Raises InvalidInput where train, validation and test are the same truth table.
    """
    if np.array_equal(splits["validation_index"].iloc[0], splits["test_index"].iloc[0]):
        raise InvalidInput("on a truth table validation is test: there is no selection optimism")
    kept = distinct_trials(results).sort_values("trial")
    outcomes = outcomes_on_validation(replicates[replicates["trial"].isin(kept["trial"])], splits)
    kept = kept.set_index("trial").loc[outcomes.trials]
    scores = bootstrap_scores(outcomes, resamples, seed)
    accuracy = kept["validation_accuracy"].to_numpy(dtype=np.float64)
    leaders = _leaders(accuracy[:, None])[:, 0]
    rows = []
    for count in at or [len(kept)]:
        winner = int(leaders[count - 1])
        estimates = scores.out_of_bag_of_winner(count)
        corrected = float(estimates.mean())
        low, high = np.quantile(estimates, [0.5 - confidence / 2, 0.5 + confidence / 2])
        test = float(kept["test_accuracy"].iloc[winner])
        rows.append(
            {
                "trials": count,
                "winner": int(outcomes.trials[winner]),
                "validation_accuracy": float(accuracy[winner]),
                "test_accuracy": test,
                "optimism": float(accuracy[winner]) - test,
                "corrected": corrected,
                "corrected_low": float(low),
                "corrected_high": float(high),
                "correction": float(accuracy[winner]) - corrected,
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True, eq=False)
class BootstrapScores:
    """Accuracies of T trials on those of the resamples that leave something out, B of them.

    leaders [T, B] are the places of the best of the first t + 1 in-bag; out_of_bag is [T, B].
    """

    leaders: IntArray
    out_of_bag: npt.NDArray[np.float32]

    def out_of_bag_of_winner(self, count: int) -> FloatArray:
        """[B]: the out-of-bag accuracy of the winner in-bag among the first count trials."""
        winners = self.leaders[count - 1]
        return np.asarray(self.out_of_bag[winners, np.arange(len(winners))], dtype=np.float64)


def bootstrap_scores(outcomes: ValidationOutcomes, resamples: int, seed: int) -> BootstrapScores:
    """Score every trial on the drawn and on the other examples of every resample.

    Groups are drawn whole, where examples come in groups.
    """
    identities = np.unique(np.concatenate(outcomes.units))
    generator = np.random.default_rng(seed)
    even = np.full(len(identities), 1 / len(identities))
    drawn = generator.multinomial(len(identities), even, size=resamples).T.astype(np.float32)
    inside = np.zeros((len(outcomes.trials), resamples), np.float32)
    outside = np.zeros_like(inside)
    drawing, leaving = np.zeros(resamples, np.float32), np.zeros(resamples, np.float32)
    for units, correct in zip(outcomes.units, outcomes.correct, strict=True):
        weights = drawn[np.searchsorted(identities, units)]  # [n, B]
        right = correct.astype(np.float32)  # [T, n]
        inside += right @ weights / np.maximum(weights.sum(axis=0), 1.0)
        rest = (weights == 0.0).astype(np.float32)
        outside += right @ rest / np.maximum(rest.sum(axis=0), 1.0)
        # A replicate of few groups may have all of them drawn, or none: it then says nothing.
        drawing += weights.any(axis=0)
        leaving += rest.any(axis=0)
    known = (drawing > 0) & (leaving > 0)
    inside, outside = inside[:, known] / drawing[known], outside[:, known] / leaving[known]
    return BootstrapScores(_leaders(inside), np.asarray(outside, np.float32))


def _leaders(scores: npt.NDArray[np.floating]) -> IntArray:
    """For scores [T, B], the place of the best of the first t + 1, the earliest of equal ones."""
    best_before = np.vstack(
        [np.full((1, scores.shape[1]), -np.inf), np.maximum.accumulate(scores, axis=0)[:-1]]
    )
    places = np.where(scores > best_before, np.arange(len(scores))[:, None], 0)
    return np.asarray(np.maximum.accumulate(places, axis=0), dtype=np.int64)
