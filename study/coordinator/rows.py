"""From what a worker measured to the rows that storage keeps: pure, one trial at a time."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from enum import Enum
from functools import cache
from operator import attrgetter
from statistics import stdev
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from storage.reading.recorded_trial import RecordedTrial
from storage.trials.records import Confirmation, FinishedTrial
from study.coordinator.dispatcher import TrainedTrial
from study.coordinator.retries import UntrainableTrial
from study.specification.space import fixed_values, typed_configuration
from study.specification.spec import Objective, StudySpec
from workers.configuration import HYPERPARAMETERS, Configuration
from workers.segment import (
    HEADLINES,
    METRICS,
    ReplicateMeasurements,
    SegmentReport,
    TrialMeasurements,
    TrialWork,
)

_NESTED = frozenset({"replicates", "members", "curve", "layers"})
_ONLY_OF_TRIALS = [name for name, summary in METRICS.items() if not summary.per_replicate]


def ended(
    spec: StudySpec,
    state: TrialState,
    trained: TrainedTrial,
    cohort: str,
    attributes: Mapping[str, Any],
) -> FinishedTrial:
    """All rows of a trial that was trained to its end (COMPLETE) or to a rung (PRUNED).

    attributes are Optuna's system attributes to keep with it.
    """
    rows = rows_of(spec, trained.work, trained.measured, trained.report)
    result = {**rows.result, "cohort": cohort}
    return replace(rows, state=state, result=result, system_attributes=attributes)


def rows_of(
    spec: StudySpec, work: TrialWork, measured: TrialMeasurements, report: SegmentReport
) -> FinishedTrial:
    """What was measured of a trial, as rows of a COMPLETE one."""
    summary = summarize(measured)
    result = {
        **summary,
        **_hyperparameters(work.configuration),
        "worker": report.worker,
        "device": report.device,
        "fingerprint": report.fingerprint,
    }
    return FinishedTrial(
        number=measured.trial,
        state=TrialState.COMPLETE,
        values=_objectives_in(spec, summary),
        # The dashboard shows them as columns that can be sorted.
        user_attributes={name: result[name] for name in HEADLINES},
        intermediate_values=_reports(spec, measured),
        result=result,
        replicates=tuple(_replicate_row(replicate) for replicate in measured.replicates),
        members=_rows(measured, "members"),
        learning_curves=_rows(measured, "curve"),
        layer_statistics=_rows(measured, "layers"),
    )


def confirmed(spec: StudySpec, trained: TrainedTrial) -> Confirmation:
    """The rows of the replicates that confirm a trial; its own row, of results, is the search's."""
    measured = rows_of(spec, trained.work, trained.measured, trained.report)
    return Confirmation(
        number=trained.work.trial,
        fingerprint=trained.report.fingerprint,
        replicates=measured.replicates,
        members=measured.members,
        learning_curves=measured.learning_curves,
        layer_statistics=measured.layer_statistics,
    )


def copied(work: TrialWork, original: FrozenTrial, measured: RecordedTrial) -> FinishedTrial:
    """The rows of a trial whose configuration the COMPLETE trial `original` had before it."""
    return FinishedTrial(
        number=work.trial,
        state=TrialState.COMPLETE,
        values=original.values,
        user_attributes=original.user_attrs,
        intermediate_values=original.intermediate_values,
        result={
            **measured.result,
            "seconds": 0.0,
            "duplicate_of": original.number,
        },
        replicates=measured.replicates,
        members=measured.members,
        learning_curves=measured.learning_curves,
        layer_statistics=measured.layer_statistics,
    )


def failed(item: UntrainableTrial, cohort: str) -> FinishedTrial:
    """The rows of a trial that could not be trained: its hyperparameters and the reason."""
    hyperparameters = _hyperparameters(item.work.configuration)
    return FinishedTrial(
        number=item.work.trial,
        state=TrialState.FAIL,
        result={**hyperparameters, "cohort": cohort, "error": item.reason},
    )


def refused(spec: StudySpec, trial: int, reason: str) -> FinishedTrial:
    """The rows of a trial that another program made and that this search cannot train: what all
    trials have in common, and the reason."""
    fixed = {n: v.value if isinstance(v, Enum) else v for n, v in fixed_values(spec).items()}
    return FinishedTrial(trial, TrialState.FAIL, result={**fixed, "error": reason})


def objective_values(spec: StudySpec, measured: TrialMeasurements) -> tuple[float, ...]:
    """The trial's value of each objective."""
    return _objectives_in(spec, summarize(measured))


def _objectives_in(spec: StudySpec, summary: Mapping[str, Any]) -> tuple[float, ...]:
    return tuple(float(summary[objective.value]) for objective in spec.objective)


def summarize(measured: TrialMeasurements) -> dict[str, Any]:
    """A trial's own numbers, and its replicates' metrics summed up as their fields say."""
    summary = _flat(measured)
    del summary["trial"]
    for name, how in METRICS.items():
        values = [getattr(replicate, name) for replicate in measured.replicates]
        known = [value for value in values if value is not None]
        summary[name] = _mean(known) if known else None
        if how.spread:
            summary[f"{name}_std"] = _spread(known)
    return summary


def _mean(values: Sequence[float]) -> float:
    # fsum: the mean does not depend on the order of the replicates.
    return math.fsum(values) / len(values)


def _spread(values: Sequence[float]) -> float | None:
    """The sample standard deviation over replicates; None for a single one."""
    return stdev(values) if len(values) > 1 else None


def configuration_in(result: Mapping[str, Any]) -> Configuration:
    """The configuration in a row of results; NULL is a hyperparameter's default."""
    given = {name: result[name] for name in HYPERPARAMETERS if result[name] is not None}
    return typed_configuration(given)


def _hyperparameters(configuration: Configuration) -> dict[str, Any]:
    values = _flat(configuration)
    return {n: v.value if isinstance(v, Enum) else v for n, v in values.items()}


def _replicate_row(replicate: ReplicateMeasurements) -> Mapping[str, Any]:
    row = _flat(replicate)
    for name in _ONLY_OF_TRIALS:
        del row[name]
    return row


def _rows(measured: TrialMeasurements, part: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        {"replicate": replicate.replicate, **_flat(row)}
        for replicate in measured.replicates
        for row in getattr(replicate, part)
    )


def _flat(row: Any) -> dict[str, Any]:
    """A value's fields by name, without what is nested. dataclasses.asdict copies deeply, which
    costs more than all the rest that becomes of a measurement."""
    kind: Any = type(row)
    names, values = _columns(kind)
    return dict(zip(names, values(row), strict=True))


@cache
def _columns(kind: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    names = tuple(field.name for field in fields(kind) if field.name not in _NESTED)
    return names, attrgetter(*names)


def _reports(spec: StudySpec, measured: TrialMeasurements) -> dict[int, float]:
    """The objective after each measured epoch, for Optuna's plots and pruners; {} where it is
    not a quantity of the learning curve."""
    if len(spec.objective) > 1 or spec.objective[0] is Objective.PARAMETERS:
        return {}
    by_epoch: dict[int, list[float]] = {}
    for replicate in measured.replicates:
        for point in replicate.curve:
            value = (
                point.train_accuracy - point.validation_accuracy
                if spec.objective[0] is Objective.VALIDATION_GAP
                else getattr(point, spec.objective[0].value)
            )
            by_epoch.setdefault(point.epoch, []).append(value)
    return {epoch: _mean(values) for epoch, values in sorted(by_epoch.items())}
