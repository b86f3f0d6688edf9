"""From the predictions of a trial's networks to what is reported of it."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from workers.segment import (
    CurvePoint,
    LayerStatistics,
    MemberMeasurements,
    ReplicateMeasurements,
)
from workers.training.metrics import (
    GroundTruth,
    Probabilities,
    accuracies,
    balanced_accuracy,
    correct_predictions,
    ensemble_mean,
    log_losses,
    share,
    subsets_of_members,
)
from workers.training.states import NetworkState


def measure_curve_point(
    members: Sequence[Probabilities], truth: GroundTruth, epoch: int
) -> CurvePoint:
    """The ensemble of these members after an epoch."""
    ensemble = ensemble_mean(members)
    right = correct_predictions(ensemble, truth)
    losses = log_losses(ensemble, truth)
    shares = [share(values, side) for values in (right, losses) for side in truth.sides]
    return CurvePoint(epoch, *shares)


def measure_replicate(
    replicate: int,
    members: Sequence[Probabilities],
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
    truth: GroundTruth,
    epoch: int,
) -> tuple[MemberMeasurements, ...]:
    @cache
    def accuracies_of(subset: tuple[int, ...]) -> tuple[float, float, float]:
        return accuracies(ensemble_mean([members[member] for member in subset]), truth)

    measured = []
    count = len(members)
    for member, (probabilities, state) in enumerate(zip(members, states, strict=True)):
        losses = log_losses(probabilities, truth)
        own = accuracies_of((member,))
        first = accuracies_of(tuple(range(member + 1)))
        subsets = [accuracies_of(s) for s in subsets_of_members(count, member + 1)]
        train, validation, test = (
            sum(values) / len(subsets) for values in zip(*subsets, strict=True)
        )
        measured.append(
            MemberMeasurements(
                member=member,
                train_accuracy=own[0],
                validation_accuracy=own[1],
                test_accuracy=own[2],
                train_loss=share(losses, truth.train),
                validation_loss=share(losses, truth.validation),
                test_loss=share(losses, truth.test),
                first_train_accuracy=first[0],
                first_validation_accuracy=first[1],
                first_test_accuracy=first[2],
                subset_train_accuracy=train,
                subset_validation_accuracy=validation,
                subset_test_accuracy=test,
                epochs=epoch if state.best is None else state.best_epoch,
                diverged=state.diverged,
            )
        )
    return tuple(measured)


def evaluation_epochs(epochs: int, evaluations: int) -> tuple[int, ...]:
    """At most `evaluations` epochs from 1 to `epochs`, spaced logarithmically, the last included.

    A look costs about a quarter of an epoch, so there are at most three in ten epochs.
    """
    if epochs < 1 or evaluations < 1:
        raise ValueError("epochs and evaluations must be at least 1")
    looks = min(evaluations, -(-3 * epochs // 10))
    spaced = {round(epochs ** (look / (looks - 1))) for look in range(looks - 1)}
    return (*sorted(spaced - {epochs}), epochs)
