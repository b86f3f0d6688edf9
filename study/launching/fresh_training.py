"""Training chosen trials on fresh replicates under a lease: what `study confirm` and a launch with
`confirm:` have in common."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from storage.database.engine import Database
from storage.reading.recorded_trial import read_fingerprints, read_recorded_trial
from storage.studies.splits import ReplicatePurpose, read_splits, write_splits
from storage.trials.confirmations import confirmed_replicates, write_confirmations
from storage.trials.storage import TrialStorage
from study.coordinator.confirmation import ConfirmationEnding, ConfirmationLoop
from study.coordinator.coordinator import cohort_name
from study.coordinator.dispatcher import Dispatcher
from study.coordinator.fresh_replicates import (
    FreshReplicates,
    best_and_baseline,
    still_to_train,
)
from study.coordinator.rows import configuration_in
from study.coordinator.split_rows import stored_split
from study.errors import InvalidInput
from study.launching.lease import Heartbeat
from study.launching.sharing import fair_share
from study.launching.signals import stopping_on_signals
from study.monitoring.progress import Progress
from study.specification.spec import ConfirmSpec, StudySpec
from workers.data import DataError, Dataset, describe_split
from workers.pools.pool import Pool
from workers.segment import TrialWork


def chosen_trials(spec: StudySpec, trials: TrialStorage, study_id: int, count: int) -> list[int]:
    """The numbers of the best trials so far, and of the baseline."""
    trained = read_fingerprints(trials.database, trials.get_study_name_from_id(study_id))
    known = trials.get_all_trials(study_id, deepcopy=False)
    return best_and_baseline(spec, known, trained.keys(), count)


def parts_of_best(
    spec: StudySpec, confirm: ConfirmSpec, trials: TrialStorage, study_id: int
) -> list[FreshReplicates]:
    """What is to be trained so that the best trials and the baseline are confirmed."""
    numbers = chosen_trials(spec, trials, study_id, confirm.trials)
    return parts_of(spec, trials, study_id, numbers, confirm.replicates)


def parts_of(
    spec: StudySpec, trials: TrialStorage, study_id: int, numbers: Sequence[int], replicates: int
) -> list[FreshReplicates]:
    """What is to be trained so that each of these trials has so many fresh replicates."""
    name = trials.get_study_name_from_id(study_id)
    there = confirmed_replicates(trials.database, name)
    # As it was trained, to the bit: a replay reads the configuration there as well.
    recorded = {n: read_recorded_trial(trials.database, name, n).result for n in numbers}
    works = [TrialWork(n, configuration_in(result)) for n, result in recorded.items()]
    return still_to_train(works, there, spec.training.replicates, replicates)


def confirm_best(
    database: Database,
    spec: StudySpec,
    confirm: ConfirmSpec,
    dataset: Dataset,
    heartbeat: Heartbeat,
    pool: Pool,
    progress: Progress,
    *,
    retry: Callable[[Callable[[], object]], object],
) -> ConfirmationEnding:
    """Train the best trials and the baseline on fresh replicates, after the search.

    Raises as train_fresh, but for InvalidInput, which is the ending's problem.
    """
    parts: list[FreshReplicates] = []

    def look() -> None:
        trials = TrialStorage(database)
        parts[:] = parts_of_best(spec, confirm, trials, heartbeat.lease().study_id)

    retry(look)
    try:
        return train_fresh(
            *(database, spec, dataset, heartbeat, pool, progress, parts), retry=retry
        )
    except InvalidInput as error:
        return ConfirmationEnding(stopped=False, problem=str(error))


def train_fresh(
    database: Database,
    spec: StudySpec,
    dataset: Dataset,
    heartbeat: Heartbeat,
    pool: Pool,
    progress: Progress,
    parts: Sequence[FreshReplicates],
    *,
    retry: Callable[[Callable[[], object]], object] = lambda act: act(),
) -> ConfirmationEnding:
    """Write the splits of the parts' replicates, and train and write the parts.

    retry acts on a database that may be away.

    Raises:
        InvalidInput: the data cannot be divided for one of the replicates.
        PoolUnavailable, LeaseLost, StorageError: as ConfirmationLoop.run.
    """
    if not parts:
        return ConfirmationEnding(stopped=False)
    retry(partial(_write_splits, database, spec, dataset, heartbeat, parts))

    def dispatcher_for(part: FreshReplicates) -> Dispatcher:
        settings = replace(spec.training.settings(), replicates=len(part.numbers))
        return Dispatcher(
            pool=pool,
            settings=settings,
            seed=spec.seed,
            label_noise=spec.data.label_noise,
            next_stop=lambda _: settings.epochs,
            share=lambda slots: fair_share(slots, heartbeat.wanted_by_others()),
            record_event=progress.record_event,
            cohort_name=partial(cohort_name, heartbeat.lease()),
            first_replicate=part.numbers.start,
        )

    loop = ConfirmationLoop(
        spec=spec,
        parts=parts,
        dispatcher_for=dispatcher_for,
        write=lambda trained: write_confirmations(database, heartbeat.lease(), trained),
        progress=progress,
        stop_requested=heartbeat.stop_requested,
        want_slots=heartbeat.want,
    )
    with stopping_on_signals(loop.stop):
        return loop.run()


def _write_splits(
    database: Database,
    spec: StudySpec,
    dataset: Dataset,
    heartbeat: Heartbeat,
    parts: Sequence[FreshReplicates],
) -> None:
    """Those of all fresh replicates up to the parts' last one, unless they are there already."""
    fresh, first = ReplicatePurpose.CONFIRMATION, spec.training.replicates
    stop = max(part.numbers.stop for part in parts)
    if len(read_splits(database, heartbeat.lease().study, fresh)) >= stop - first:
        return
    try:
        rows = [
            stored_split(
                number, describe_split(dataset, spec.seed, number, spec.data.label_noise), fresh
            )
            for number in range(first, stop)
        ]
    except DataError as error:
        raise InvalidInput(f"{error}, in a fresh replicate") from None
    write_splits(database, heartbeat.lease(), rows, fresh)
