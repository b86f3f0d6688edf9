"""Replaying a trial: train it again, alone, and compare every number with the recorded ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose, isnan
from typing import TYPE_CHECKING, Any

from storage.database.opening import open_database
from storage.reading.recorded_trial import RecordedTrial, Rows, read_recorded_trial
from storage.studies.runs import StudyRun, read_run
from storage.studies.splits import ReplicatePurpose
from storage.trials.confirmations import confirmation_environments
from storage.trials.records import FinishedTrial
from study.coordinator import rows
from study.errors import InvalidInput
from study.launching.launch import check_data
from study.launching.plan import read_data
from study.specification.spec import StudySpec
from study.specification.stored import stored_specification
from workers.data import DataError, Dataset
from workers.segment import Segment, SegmentReport, TrialWork

if TYPE_CHECKING:
    from workers.training.states import CohortState

# Between environments that compute different bits: what a training's chaos leaves comparable.
TOLERANCE = 0.05
# Where and when a trial ran is not what a replay is about.
_CIRCUMSTANCES = frozenset({"seconds", "worker", "device", "fingerprint", "cohort", "duplicate_of"})
# Without these nothing would say that it is the same trial.
_RECORDED_BY_ALL = ("train_accuracy", "validation_accuracy", "test_accuracy")
_KEYS = ("replicate", "member", "epoch", "layer")


@dataclass(frozen=True, slots=True)
class ChangedNumber:
    """A number that came out otherwise. where names the row inside its table, "" for results."""

    table: str
    where: str
    column: str
    recorded: Any
    replayed: Any


@dataclass(frozen=True, slots=True)
class Replay:
    """How a replay compares. exact: every bit was compared, else within tolerance.

    unrecorded counts the numbers that the version which trained the trial did not record: there is
    nothing to compare them with.
    """

    trial: int
    exact: bool
    tolerance: float
    compared: int
    unrecorded: int
    differences: tuple[ChangedNumber, ...]

    @property
    def what_was_left_out(self) -> str:
        """The end of a sentence about the comparison; nothing where everything was compared."""
        if self.unrecorded == 0:
            return ""
        numbers = "1 number was" if self.unrecorded == 1 else f"{self.unrecorded} numbers were"
        return f"; {numbers} not recorded by the version that trained it"


def replay(name: str, trial: int, storage: str, *, data: tuple[Any, Any] | None = None) -> Replay:
    """Train one trial of a study alone, in this process, and compare; with the fresh replicates
    that it was confirmed on, if it was.

    The comparison is exact where this environment has the trial's fingerprint. data stands in for
    a source that was in memory.

    Raises:
        TypeError: data are no pair of features and labels.
        InvalidInput: the trial was not trained, or the data are not those of the study.
        StorageError: there is no such study or trial.
    """
    check_data(data)
    with open_database(storage, create=False) as database:
        run = read_run(database, name)
        recorded = read_recorded_trial(database, name, trial)
        fresh = read_recorded_trial(database, name, trial, ReplicatePurpose.CONFIRMATION)
        environments = confirmation_environments(database, run.study_id, trial)
    if not recorded.replicates:
        raise InvalidInput(f"trial {trial} of study {name!r} failed; there is nothing to replay")
    training = training_of(run, trial, recorded, data)
    searched = retrain(training, recorded).replay
    if not fresh.replicates:
        return searched
    return _both(searched, _retrain_fresh(training, fresh, environments))


@dataclass(frozen=True, eq=False)
class TrainingToRepeat:
    """What a trial was trained on, and how: one segment from the first epoch to its last."""

    spec: StudySpec
    dataset: Dataset
    segment: Segment


@dataclass(frozen=True, eq=False)
class Retrained:
    """A trial trained again: how it compares, what was measured, and the weights."""

    replay: Replay
    report: SegmentReport
    state: "CohortState"


def training_of(
    run: StudyRun, trial: int, recorded: RecordedTrial, data: tuple[Any, Any] | None
) -> TrainingToRepeat:
    """The training that a recorded trial had.

    Raises:
        InvalidInput: its data are not there any more, or its specification is none.
    """
    spec = stored_specification(run.specification, run.study)
    segment = Segment(
        trials=(TrialWork(trial, rows.configuration_in(recorded.result)),),
        settings=spec.training.settings(),
        seed=spec.seed,
        first_epoch=0,
        last_epoch=int(recorded.result["epochs"]),
        label_noise=spec.data.label_noise,
    )
    return TrainingToRepeat(spec, dataset_of(run, spec, data), segment)


def retrain(training: TrainingToRepeat, recorded: RecordedTrial) -> Retrained:
    """Train the trial here and now, and compare."""
    from workers.training.train import train_segment

    report, state = train_segment(training.segment, training.dataset)
    (work,) = training.segment.trials
    again = rows.rows_of(training.spec, work, report.trials[0], report)
    exact = recorded.result["fingerprint"] == again.result["fingerprint"]
    tolerance = 0.0 if exact else TOLERANCE
    compared, unrecorded, differences = compare(recorded, again, tolerance)
    replayed = Replay(work.trial, exact, tolerance, compared, unrecorded, tuple(differences))
    return Retrained(replayed, report, state)


def _retrain_fresh(
    training: TrainingToRepeat, recorded: RecordedTrial, environments: frozenset[str]
) -> Replay:
    """Train the replicates that confirmed the trial again, and compare; they have no results."""
    from workers.training.train import train_segment

    numbers = [int(row["replicate"]) for row in recorded.replicates]
    settings = replace(training.segment.settings, replicates=len(numbers))
    segment = replace(training.segment, settings=settings, first_replicate=min(numbers))
    report, _ = train_segment(segment, training.dataset)
    (work,) = segment.trials
    again = rows.rows_of(training.spec, work, report.trials[0], report)
    exact = environments == {report.fingerprint}
    tolerance = 0.0 if exact else TOLERANCE
    of_replicates = replace(recorded, result={}), replace(again, result={})
    compared, unrecorded, differences = compare(*of_replicates, tolerance)
    return Replay(work.trial, exact, tolerance, compared, unrecorded, tuple(differences))


def _both(first: Replay, second: Replay) -> Replay:
    return Replay(
        trial=first.trial,
        exact=first.exact and second.exact,
        tolerance=max(first.tolerance, second.tolerance),
        compared=first.compared + second.compared,
        unrecorded=first.unrecorded + second.unrecorded,
        differences=first.differences + second.differences,
    )


def dataset_of(run: StudyRun, spec: StudySpec, data: tuple[Any, Any] | None) -> Dataset:
    """The study's data, checked against their recorded hash.

    Raises:
        InvalidInput: they cannot be read, or are others.
    """
    try:
        dataset = read_data(spec, data)
    except DataError as error:
        raise InvalidInput(f"{error} (data of study {run.study!r})") from None
    if dataset.sha256 != run.data_sha256:
        raise InvalidInput(
            f"the data of study {run.study!r} have changed: content hash "
            f"{str(run.data_sha256)[:12]}… then, {dataset.sha256[:12]}… now; "
            "give those that it was begun with"
        )
    return dataset


def compare(
    recorded: RecordedTrial, again: FinishedTrial, tolerance: float
) -> tuple[int, int, list[ChangedNumber]]:
    """How many numbers were compared, how many were never recorded, and those that differ by more
    than tolerance."""
    pairs: list[tuple[str, Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]] = [
        ("results", [recorded.result], [again.result]),
        ("replicates", recorded.replicates, again.replicates),
        ("members", recorded.members, again.members),
        ("learning_curves", recorded.learning_curves, again.learning_curves),
        ("layer_statistics", recorded.layer_statistics, again.layer_statistics),
    ]
    compared = unrecorded = 0
    differences: list[ChangedNumber] = []
    for table, before, now in pairs:
        old, new = _by_key(before), _by_key(now)
        empty = _empty_columns(before)
        for key in [*old, *(key for key in new if key not in old)]:
            for column in old.get(key, new.get(key, {})):
                if column in _CIRCUMSTANCES:
                    continue
                a, b = old.get(key, {}).get(column), new.get(key, {}).get(column)
                if column in empty and b is not None:
                    unrecorded += 1
                    continue
                compared += 1
                if not _equal(a, b, tolerance):
                    differences.append(ChangedNumber(table, _where(key), column, a, b))
    return compared, unrecorded, differences


def _empty_columns(recorded: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The columns that an earlier version may not have had: there is nothing in any row.

    A single number that is missing among others was lost, and so was an accuracy, which every
    version records: they are differences.
    """
    columns = frozenset(recorded[0] if recorded else ())
    return columns.difference(
        _RECORDED_BY_ALL, *({c for c in row if row[c] is not None} for row in recorded)
    )


def _by_key(rows: Rows | Sequence[Mapping[str, Any]]) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    return {tuple((k, row[k]) for k in _KEYS if k in row): row for row in rows}


def _where(key: tuple[Any, ...]) -> str:
    return ", ".join(f"{name} {value}" for name, value in key)


def _equal(recorded: Any, replayed: Any, tolerance: float) -> bool:
    if recorded == replayed:
        return True
    if tolerance == 0.0:
        # NaN is what was measured where there is nothing to measure: equal to itself here.
        floats = isinstance(recorded, float) and isinstance(replayed, float)
        return floats and isnan(recorded) and isnan(replayed)
    if isinstance(recorded, bytes):
        return True  # one example more or less right is within the tolerance of the accuracies
    if isinstance(recorded, int | float) and isinstance(replayed, int | float):
        return isclose(recorded, replayed, rel_tol=tolerance, abs_tol=tolerance)
    return False
