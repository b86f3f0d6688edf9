"""Confirming trials of a study that has ended: `study confirm`.

The study's status stays what it is all along. Only its lease says that somebody works on it: so
whatever ends a confirmation, there is nothing to put right.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.errors import DatabaseUnreachable, LeaseLost
from storage.reading.recorded_trial import read_fingerprints, read_recorded_trial
from storage.studies.leases import release_lease
from storage.studies.runs import StudyRun, read_run
from storage.tables.status import ENDED
from storage.trials.storage import TrialStorage
from study.coordinator.confirmation import ConfirmationEnding
from study.coordinator.fresh_replicates import FreshReplicates, checked
from study.errors import InvalidInput, StudyFailed
from study.launching.fresh_training import chosen_trials, parts_of, train_fresh
from study.launching.launch import DEFAULT_STORAGE, check_data
from study.launching.lease import Heartbeat, take_study
from study.launching.pools import early_workers, open_pool
from study.launching.replay import dataset_of
from study.launching.run import record_transactions
from study.monitoring import events
from study.monitoring.console import showing
from study.monitoring.progress import Progress
from study.monitoring.suggestion import command
from study.specification.spec import FEWEST_FRESH_REPLICATES, ConfirmSpec, StudySpec
from study.specification.stored import stored_specification
from workers.calling_program import undisturbed
from workers.data import Dataset
from workers.pools.pool import PoolUnavailable

DEFAULTS = ConfirmSpec()


@dataclass(frozen=True, slots=True)
class ConfirmationOutcome:
    """Which trials were to be confirmed, and how that ended; ending None: they were before."""

    study: str
    storage_url: str = field(repr=False)
    trials: tuple[int, ...]
    ending: ConfirmationEnding | None


@undisturbed()
def confirm(
    name: str,
    trials: Sequence[int] = (),
    *,
    replicates: int = DEFAULTS.replicates,
    storage: str = DEFAULT_STORAGE,
    cluster: str | None = None,
    data: tuple[Any, Any] | None = None,
    progress: Progress | bool | None = None,
) -> ConfirmationOutcome:
    """Train trials of a study that has ended on so many fresh replicates; those that they have are
    kept. Without trials: the best ones, of different configurations, and the baseline.

    data stands in for a source that was in memory; progress is as for launch, and the program that
    calls is left as there.

    Raises:
        TypeError: data are no pair of features and labels.
        InvalidInput: a trial cannot be confirmed, or data or cluster cannot be used.
        StudyBusy: a coordinator works on the study.
        StudyFailed: the pool was lost; what was trained is written.
        StorageError: there is no such study, or the database was lost on the way.
    """
    check_data(data)
    if replicates < FEWEST_FRESH_REPLICATES:
        raise InvalidInput(
            f"--replicates: found {replicates}; give at least {FEWEST_FRESH_REPLICATES}"
        )
    with showing(progress) as shown, open_database(storage, create=False) as database:
        record_transactions(database, shown.record_event)
        run = read_run(database, name)
        spec = stored_specification(run.specification, run.study)
        known = TrialStorage(database)
        numbers = _numbers(known, run, spec, trials)
        ending = None
        if parts_of(spec, known, run.study_id, numbers, replicates):
            dataset = dataset_of(run, spec, data)
            ending = _train(
                database, run, spec, dataset, numbers, replicates, cluster=cluster, progress=shown
            )
    return ConfirmationOutcome(name, storage, tuple(numbers), ending)


def _numbers(
    trials: TrialStorage, run: StudyRun, spec: StudySpec, given: Sequence[int]
) -> list[int]:
    if not given:
        best = chosen_trials(spec, trials, run.study_id, DEFAULTS.trials)
        if not best:
            raise InvalidInput(f"study {run.study!r} has no complete trial yet; launch it first")
        return best
    known = trials.get_all_trials(run.study_id, deepcopy=False)
    trained = read_fingerprints(trials.database, run.study)
    copied = [t.number for t in known if t.state.name == "COMPLETE" and t.number not in trained]
    copies = {
        number: int(read_recorded_trial(trials.database, run.study, number).result["duplicate_of"])
        for number in copied
        if number in given
    }
    return checked(run.study, given, known, copies)


def _train(
    database: Database,
    run: StudyRun,
    spec: StudySpec,
    dataset: Dataset,
    numbers: Sequence[int],
    replicates: int,
    *,
    cluster: str | None,
    progress: Progress,
) -> ConfirmationEnding:
    taken = take_study(database, run.study, progress)
    try:
        with Heartbeat(database, taken) as heartbeat:
            status = read_run(database, run.study).status
            if status not in ENDED:
                raise InvalidInput(
                    f"study {run.study!r} is {status.value}, and nobody works on it; let it end "
                    f"first: {command('resume', run.study, storage=database.url)}"
                )
            # Somebody else may have confirmed them while we read the data.
            parts = parts_of(spec, TrialStorage(database), run.study_id, numbers, replicates)
            return _in_a_pool(database, spec, dataset, heartbeat, parts, cluster, progress)
    except LeaseLost as lost:
        progress.record_event(events.CoordinatorReplaced(str(lost)))
        raise
    finally:
        with suppress(DatabaseUnreachable):
            release_lease(database, taken)


def _in_a_pool(
    database: Database,
    spec: StudySpec,
    dataset: Dataset,
    heartbeat: Heartbeat,
    parts: Sequence[FreshReplicates],
    cluster: str | None,
    progress: Progress,
) -> ConfirmationEnding:
    gpus = spec.resources.gpus
    with (
        early_workers(cluster, gpus) as workers,
        open_pool(dataset, address=cluster, gpus=gpus, progress=progress, workers=workers) as pool,
    ):
        heartbeat.join(pool.cluster, pool.slots())
        try:
            return train_fresh(database, spec, dataset, heartbeat, pool, progress, parts)
        except PoolUnavailable as lost:
            raise StudyFailed(
                f"study {spec.name!r}: what trained its trials was lost: {lost}; confirm again to "
                "train what is missing"
            ) from lost
