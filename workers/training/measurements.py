"""From the predictions of a trial's networks to what is reported of it."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from workers.segment import (
    CurvePoint,
    LayerStatistics,
    MemberMeasurements,
    ReplicateMeasurements,
)
from workers.tasks.task import Predictions
from workers.training.metrics import (
    GroundTruth,
    ensemble_mean,
    scores,
    share,
    subsets_of_members,
)
from workers.training.states import NetworkState

SIDES = "train", "validation", "test"


def measure_curve_point(
    members: Sequence[Predictions], truth: GroundTruth, epoch: int
) -> CurvePoint:
    """The ensemble of these members after an epoch."""
    ensemble = ensemble_mean(members)
    score, losses = truth.score(ensemble), truth.losses(ensemble)
    return CurvePoint(epoch=epoch, **_side_means(score, losses, truth))


def _side_means(
    score: npt.NDArray[Any], losses: npt.NDArray[np.float64], truth: GroundTruth
) -> dict[str, float]:
    """The means of the task's score and of the loss [N] on each side, by the names of fields:
    train_accuracy, …, test_loss."""
    return {
        **_by_side([share(score, side) for side in truth.sides], truth.task.score_name),
        **_by_side([share(losses, side) for side in truth.sides], "loss"),
    }


def measure_replicate(
    replicate: int,
    members: Sequence[Predictions],
    states: Sequence[NetworkState],
    truth: GroundTruth,
    epoch: int,
    curve: tuple[CurvePoint, ...],
    layers: tuple[LayerStatistics, ...],
    *,
    noisy: bool,
) -> ReplicateMeasurements:
    """Everything about a replicate's ensemble; members and states in the order of members."""
    ensemble = ensemble_mean(members)
    score, losses = truth.score(ensemble), truth.losses(ensemble)
    clean = share(truth.without_noise().score(ensemble), truth.train) if noisy else None
    measured: dict[str, Any] = {
        **_side_means(score, losses, truth),
        f"train_{truth.task.score_name}_clean": clean,
        **truth.task.other_metrics(score, truth.labels, truth.test),
    }
    return ReplicateMeasurements(
        replicate=replicate,
        **measured,
        train_examples=len(truth.train),
        validation_examples=len(truth.validation),
        test_examples=len(truth.test),
        validation_correct=truth.task.pack(score[truth.validation]),
        test_correct=truth.task.pack(score[truth.test]),
        members=_measure_members(members, states, truth, epoch),
        curve=curve,
        layers=layers,
    )


def _measure_members(
    members: Sequence[Predictions],
    states: Sequence[NetworkState],
    truth: GroundTruth,
    epoch: int,
) -> tuple[MemberMeasurements, ...]:
    @cache
    def scores_of(subset: tuple[int, ...]) -> tuple[float, float, float]:
        return scores(ensemble_mean([members[member] for member in subset]), truth)

    measured = []
    count, name = len(members), truth.task.score_name
    for member, (predictions, state) in enumerate(zip(members, states, strict=True)):
        losses = truth.losses(predictions)
        own = scores_of((member,))
        first = scores_of(tuple(range(member + 1)))
        subsets = [scores_of(s) for s in subsets_of_members(count, member + 1)]
        subset = [sum(values) / len(subsets) for values in zip(*subsets, strict=True)]
        numbers: dict[str, Any] = {
            **_by_side(own, name),
            **_by_side([share(losses, side) for side in truth.sides], "loss"),
            **_by_side(first, name, "first_"),
            **_by_side(subset, name, "subset_"),
        }
        measured.append(
            MemberMeasurements(
                **numbers,
                member=member,
                epochs=epoch if state.best is None else state.best_epoch,
                diverged=state.diverged,
            )
        )
    return tuple(measured)


def _by_side(values: Sequence[float], name: str, before: str = "") -> dict[str, float]:
    return {f"{before}{side}_{name}": value for side, value in zip(SIDES, values, strict=True)}


def evaluation_epochs(epochs: int, evaluations: int) -> tuple[int, ...]:
    """At most `evaluations` epochs from 1 to `epochs`, spaced logarithmically, the last included.

    An evaluation costs about a quarter of an epoch, so there are at most three in ten epochs.
    """
    if epochs < 1 or evaluations < 1:
        raise ValueError("epochs and evaluations must be at least 1")
    count = min(evaluations, -(-3 * epochs // 10))
    spaced = {round(epochs ** (place / (count - 1))) for place in range(count - 1)}
    return (*sorted(spaced - {epochs}), epochs)
