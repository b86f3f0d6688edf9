"""From the predictions of a trial's networks to what is reported of it."""

from collections.abc import Sequence

import numpy as np

from workers.metrics import (
    Probabilities,
    Truth,
    balanced_accuracy,
    correct_predictions,
    ensemble_mean,
    log_losses,
    share,
    subset_accuracies,
)
from workers.segment import (
    CurvePoint,
    LayerStatistics,
    MemberMeasurements,
    ReplicateMeasurements,
)
from workers.states import NetworkState


def measure_curve_point(members: Sequence[Probabilities], truth: Truth, epoch: int) -> CurvePoint:
    """The ensemble of these members after an epoch."""
    ensemble = ensemble_mean(members)
    right = correct_predictions(ensemble, truth)
    losses = log_losses(ensemble, truth)
    accuracies = [share(right, side) for side in truth.sides]
    return CurvePoint(epoch, *accuracies, *(share(losses, side) for side in truth.sides))


def measure_replicate(
    replicate: int,
    members: Sequence[Probabilities],
    states: Sequence[NetworkState],
    truth: Truth,
    epoch: int,
    curve: tuple[CurvePoint, ...],
    layers: tuple[LayerStatistics, ...],
    *,
    noisy: bool,
) -> ReplicateMeasurements:
    """Everything about a replicate's ensemble; members and states in the order of members."""
    ensemble = ensemble_mean(members)
    right = correct_predictions(ensemble, truth)
    losses = log_losses(ensemble, truth)
    clean = None
    if noisy:
        clean = share(correct_predictions(ensemble, truth.without_noise()), truth.train)
    return ReplicateMeasurements(
        replicate=replicate,
        train_accuracy=share(right, truth.train),
        train_accuracy_clean=clean,
        validation_accuracy=share(right, truth.validation),
        test_accuracy=share(right, truth.test),
        balanced_test_accuracy=balanced_accuracy(
            right[truth.test], truth.labels[truth.test], truth.classes
        ),
        train_loss=share(losses, truth.train),
        validation_loss=share(losses, truth.validation),
        test_loss=share(losses, truth.test),
        train_examples=len(truth.train),
        validation_examples=len(truth.validation),
        test_examples=len(truth.test),
        validation_correct=np.packbits(right[truth.validation]).tobytes(),
        test_correct=np.packbits(right[truth.test]).tobytes(),
        members=_measure_members(members, states, truth, epoch),
        curve=curve,
        layers=layers,
    )


def _measure_members(
    members: Sequence[Probabilities],
    states: Sequence[NetworkState],
    truth: Truth,
    epoch: int,
) -> tuple[MemberMeasurements, ...]:
    subsets = subset_accuracies(members, truth)
    measured = []
    for member, (probabilities, state) in enumerate(zip(members, states, strict=True)):
        right = correct_predictions(probabilities, truth)
        losses = log_losses(probabilities, truth)
        first = correct_predictions(ensemble_mean(members[: member + 1]), truth)
        subset_train, subset_validation, subset_test = subsets[member]
        measured.append(
            MemberMeasurements(
                member=member,
                train_accuracy=share(right, truth.train),
                validation_accuracy=share(right, truth.validation),
                test_accuracy=share(right, truth.test),
                train_loss=share(losses, truth.train),
                validation_loss=share(losses, truth.validation),
                test_loss=share(losses, truth.test),
                first_train_accuracy=share(first, truth.train),
                first_validation_accuracy=share(first, truth.validation),
                first_test_accuracy=share(first, truth.test),
                subset_train_accuracy=subset_train,
                subset_validation_accuracy=subset_validation,
                subset_test_accuracy=subset_test,
                epochs=epoch if state.best is None else state.best_epoch,
                diverged=state.diverged,
            )
        )
    return tuple(measured)
