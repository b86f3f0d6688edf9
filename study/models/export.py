"""Exporting a trial: train it again, check that it is the one that was measured, write it."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from storage.database.opening import open_database
from storage.reading.recorded_trial import RecordedTrial, read_recorded_trial
from storage.studies.runs import StudyRun, read_run
from study.errors import InvalidInput, StudyFailed
from study.launching.launch import check_data
from study.launching.replay import TOLERANCE, Replay, TrainingToRepeat, retrain, training_of
from study.models.description import (
    Accuracies,
    Description,
    Member,
    Provenance,
    Replayed,
    describe_features,
)
from study.models.directory import check_free, write_description, write_weights, written_at_once
from study.models.format import FORMAT_VERSION
from study.models.model import load_model
from study.models.refit import refit
from study.specification.spec import DataSpec
from workers.calling_program import undisturbed
from workers.columns import Role, roles_of
from workers.data import Dataset

if TYPE_CHECKING:
    from workers.segment import Segment
    from workers.training.ensemble import TrainedEnsemble


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. replay is None after a refit, whose accuracy was not measured."""

    directory: Path
    networks: int
    training_examples: int
    test_accuracy: float | None
    replay: Replay | None


@undisturbed()
def export_model(
    name: str,
    trial: int,
    storage: str,
    directory: str | Path,
    *,
    replicate: int = 0,
    refit: bool = False,
    force: bool = False,
    data: tuple[Any, Any] | None = None,
) -> Exported:
    """Write the trained ensemble of one replicate of a COMPLETE trial to a folder.

    The trial is trained again, alone, and must measure what is recorded: to the bit where this
    environment has the trial's fingerprint, else within replay's tolerance. refit trains on train
    and validation examples instead, under early stopping for as many epochs as each network's best
    one was; what comes out is measured by nothing. force replaces another model. data stands in for
    a source that was in memory.

    Raises:
        TypeError: data are no pair of features and labels.
        InvalidInput: the trial is not COMPLETE, there is no such replicate, the data are not those
            of the study, or the folder is taken. Nothing was written.
        StudyFailed: the training did not come out as recorded. Nothing was written.
        StorageError: there is no such study or trial.
    """
    check_data(data)
    output = Path(directory)
    check_free(output, force=force)
    with open_database(storage, create=False) as database:
        run = read_run(database, name)
        recorded = read_recorded_trial(database, name, trial)
    _check_trained(run, trial, recorded, replicate)
    training = training_of(run, trial, recorded, data)
    trained = (_refitted if refit else _replayed)(training, recorded, replicate)
    provenance = _provenance(run, trial, replicate, recorded, trained, training)
    description = _description(training, trained, provenance)
    with written_at_once(output) as folder:
        _write(folder, description, trained.ensemble)
        _check_what_was_written(folder, trained, training.dataset, replicate)
    return Exported(
        directory=output,
        networks=len(trained.ensemble.members),
        training_examples=provenance.training_examples,
        test_accuracy=None if trained.replayed is None else trained.replayed.measured.test_accuracy,
        replay=trained.replay,
    )


@dataclass(frozen=True, eq=False)
class _Trained:
    """An ensemble and how it came to be; replay and what it measured are None after a refit.

    same_arithmetic: it was trained by the arithmetic that it predicts with, that of a CPU.
    """

    ensemble: "TrainedEnsemble"
    members: tuple[Member, ...]
    segment: "Segment"
    fingerprint: str
    replay: Replay | None
    replayed: Replayed | None
    same_arithmetic: bool


def _check_trained(run: StudyRun, trial: int, recorded: RecordedTrial, replicate: int) -> None:
    if recorded.state != "COMPLETE":
        raise InvalidInput(
            f"trial {trial} of study {run.study!r} is {recorded.state}; only a COMPLETE one can be "
            "exported"
        )
    known = [row["replicate"] for row in recorded.replicates]
    if replicate not in known:
        raise InvalidInput(
            f"--replicate: found {replicate}; trial {trial} of study {run.study!r} has "
            f"{known[0]} to {known[-1]}"
        )


def _replayed(training: TrainingToRepeat, recorded: RecordedTrial, replicate: int) -> _Trained:
    """The ensemble that was measured; StudyFailed if it is another one."""
    from workers.training.ensemble import reported_weights, take_ensemble

    again = retrain(training, recorded)
    (work,) = training.segment.trials
    if again.replay.differences:
        raise StudyFailed(_how_it_differs(again.replay, training.spec.name))
    measured = again.report.trials[0].replicates[replicate]
    weights: list[npt.NDArray[Any] | None] = [
        None
        if member.diverged
        else reported_weights(again.state, work.trial, replicate, member.member)
        for member in measured.members
    ]
    return _Trained(
        ensemble=take_ensemble(training.segment, training.dataset, replicate, weights),
        members=tuple(Member(epochs=m.epochs, diverged=m.diverged) for m in measured.members),
        segment=training.segment,
        fingerprint=again.report.fingerprint,
        replay=again.replay,
        replayed=Replayed(
            exact=again.replay.exact,
            tolerance=again.replay.tolerance,
            measured=Accuracies(
                train_accuracy=measured.train_accuracy,
                validation_accuracy=measured.validation_accuracy,
                test_accuracy=measured.test_accuracy,
            ),
        ),
        same_arithmetic=again.report.device == "cpu",
    )


def _how_it_differs(replay: Replay, study: str) -> str:
    first = replay.differences[0]
    where = f"{first.table} ({first.where})" if first.where else first.table
    how = "bit for bit" if replay.exact else f"within {replay.tolerance:g}"
    values = [repr(v)[:40] for v in (first.recorded, first.replayed)]
    return (
        f"trial {replay.trial} of study {study!r} did not come out as recorded: "
        f"{len(replay.differences)} of {replay.compared} numbers differ, compared {how}; first "
        f"{first.column} of {where}: {values[0]} recorded, {values[1]} replayed"
        f"{replay.what_was_left_out}; nothing was exported"
    )


def _refitted(training: TrainingToRepeat, recorded: RecordedTrial, replicate: int) -> _Trained:
    epochs = [row["epochs"] for row in recorded.members if row["replicate"] == replicate]
    fitted = refit(training, replicate, epochs)
    return _Trained(
        ensemble=fitted.ensemble,
        members=tuple(
            Member(epochs=own, diverged=weights is None)
            for own, weights in zip(epochs, fitted.ensemble.members, strict=True)
        ),
        segment=fitted.segment,
        fingerprint=fitted.fingerprint,
        replay=None,
        replayed=None,
        same_arithmetic=False,
    )


def _provenance(
    run: StudyRun,
    trial: int,
    replicate: int,
    recorded: RecordedTrial,
    trained: _Trained,
    training: TrainingToRepeat,
) -> Provenance:
    (row,) = [row for row in recorded.replicates if row["replicate"] == replicate]
    names = Accuracies.model_fields
    return Provenance(
        study=run.study,
        trial=trial,
        replicate=replicate,
        seed=training.spec.seed,
        data=Path(training.spec.data.source).name,
        data_sha256=training.dataset.sha256,
        refit=trained.replay is None,
        training_examples=trained.ensemble.target.examples,
        recorded=None if trained.replay is None else Accuracies(**{n: row[n] for n in names}),
        replayed=trained.replayed,
        recorded_fingerprint=str(recorded.result["fingerprint"]),
        fingerprint=trained.fingerprint,
        versions={package: version(package) for package in ("overfit-study", "torch")},
        exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _description(
    training: TrainingToRepeat, trained: _Trained, provenance: Provenance
) -> Description:
    source, ensemble = training.spec.data, trained.ensemble
    (work,) = training.segment.trials
    return Description(
        format_version=FORMAT_VERSION,
        target=_target_name(training.dataset, source),
        **ensemble.task.description(ensemble.target),
        features=describe_features(training.dataset, ensemble.preprocessing),
        ignored=_ignored(training.dataset, source),
        missing_values=source.missing_values,
        array_columns=_array_columns(training.dataset),
        configuration=asdict(work.configuration),
        training=asdict(training.segment.settings),
        members=trained.members,
        weights_sha256="",
        provenance=provenance,
    )


def _target_name(dataset: Dataset, source: DataSpec) -> str:
    recorded = roles_of(dataset.columns).get(Role.TARGET)
    if recorded is not None:
        return recorded.name
    return source.target or ("y" if source.source.endswith(".npz") else "target")


def _ignored(dataset: Dataset, source: DataSpec) -> tuple[str, ...]:
    """Columns of the data that are no features, and not the target."""
    if not dataset.columns:
        return tuple(name for name in (source.split, source.group) if name is not None)
    return tuple(c.name for c in dataset.columns if not c.is_input and c.role is not Role.TARGET)


def _array_columns(dataset: Dataset) -> int | None:
    """How many columns the features had as an array; None: they were a table."""
    names = [column.name for column in dataset.columns if column.role is Role.FEATURE]
    return len(names) if names == [f"x{i}" for i in range(len(names))] and names else None


def _write(folder: Path, description: Description, ensemble: "TrainedEnsemble") -> None:
    tensors = {
        f"members.{position}.{name}": tensor
        for position, weights in enumerate(ensemble.members)
        if weights is not None
        for name, tensor in weights.items()
    }
    sha256 = write_weights(folder, tensors)
    write_description(folder, description.model_copy(update={"weights_sha256": sha256}))


def _check_what_was_written(
    folder: Path, trained: _Trained, dataset: Dataset, replicate: int
) -> None:
    """What is read back must measure what was measured; a refit has nothing to compare with."""
    from workers.training.ensemble import measure_ensemble

    ensemble = load_model(folder).ensemble
    if trained.replayed is None:
        return
    found = measure_ensemble(ensemble, trained.segment, dataset, replicate)
    wanted = tuple(trained.replayed.measured.model_dump().values())
    tolerance = 0.0 if trained.same_arithmetic else TOLERANCE
    if any(abs(a - b) > tolerance for a, b in zip(found, wanted, strict=True)):
        raise StudyFailed(
            f"what was written measures {found} on train, validation and test, and was trained to "
            f"{wanted}; nothing was exported"
        )
