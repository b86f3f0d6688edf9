"""Training a configuration once more, on the validation examples as well."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from study.launching.replay import TrainingToRepeat
from workers.segment import Segment

if TYPE_CHECKING:
    from workers.training.ensemble import TrainedEnsemble
    from workers.training.states import CohortState


@dataclass(frozen=True, eq=False)
class Refitted:
    """The ensemble, the segment that it comes from, and the environment that it was trained in."""

    ensemble: "TrainedEnsemble"
    segment: Segment
    fingerprint: str


def refit(training: TrainingToRepeat, replicate: int, epochs: Sequence[int]) -> Refitted:
    """Train on train and validation, each member for its own number of epochs.

    No validation is left to stop early by, so a member ends after as many epochs as its best one
    was when there was a validation.
    """
    from workers.training.ensemble import reported_weights, take_ensemble
    from workers.training.train import train_segment

    (work,) = training.segment.trials
    work = replace(work, configuration=replace(work.configuration, early_stopping_patience=None))
    settings = replace(training.segment.settings, replicates=replicate + 1)
    segment = replace(training.segment, trials=(work,), settings=settings, refit=True)
    weights: list[npt.NDArray[Any] | None] = [None] * len(epochs)
    states: list[CohortState] = []
    first, fingerprint = 0, ""
    for last in sorted(set(epochs)):
        segment = replace(segment, first_epoch=first, last_epoch=last)
        report, state = train_segment(segment, training.dataset, states)
        states, first, fingerprint = [state], last, report.fingerprint
        for own in report.trials[0].replicates[replicate].members:
            if epochs[own.member] == last and not own.diverged:
                weights[own.member] = reported_weights(state, work.trial, replicate, own.member)
    ensemble = take_ensemble(segment, training.dataset, replicate, weights)
    return Refitted(ensemble, segment, fingerprint)
