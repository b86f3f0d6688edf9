"""A launch in the foreground: where specification, data, database, pool and coordinator meet."""

from contextlib import suppress
from functools import partial
from typing import Any

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.errors import DatabaseMissing, DatabaseUnreachable, LeaseLost, StatusRefused
from storage.studies.leases import Lease, release_lease
from storage.studies.queue import remove_from_queue
from storage.studies.runs import StudyRun, update_specification
from storage.studies.transitions import set_status
from storage.tables.status import RunStatus
from storage.trials.storage import TrialStorage
from study.coordinator.coordinator import Ending
from study.errors import StudyFailed
from study.launching.lease import Heartbeat, take_study
from study.launching.outcome import StudyOutcome, outcome_of
from study.launching.plan import Plan, make_plan
from study.launching.pools import open_pool
from study.launching.resuming import (
    as_begun,
    check_new_claims,
    check_same_study,
    is_over,
    known_run,
    known_run_in,
)
from study.launching.run import create_study, record_transactions, run_coordinator
from study.monitoring import events
from study.monitoring.progress import NoProgress, Progress
from study.specification.data_files import check_files
from study.specification.spec import StudySpec
from workers.calling_program import undisturbed
from workers.pools.pool import Pool
from workers.pools.worker_processes import ForkServer


@undisturbed()  # for launch once more: of what the imports above set up, such as Optuna's loggers
def run_study(
    spec: StudySpec,
    *,
    data: tuple[Any, Any] | None,
    storage: str,
    cluster: str | None,
    progress: Progress,
    workers: ForkServer | None,
) -> StudyOutcome:
    """What study.launching.launch.launch does; workers are the processes that it has begun to
    start."""
    begun = known_run_in(storage, spec.name)
    spec = as_begun(spec, begun)
    check_new_claims(spec, begun)
    check_files(spec.data, spec.data)
    plan = make_plan(spec, data)
    before = _outcome_of_earlier_launches(plan, storage)
    if before is not None:
        return before
    gpus = spec.resources.gpus
    # The pool comes first: where there is none, no database is made.
    with (
        open_pool(
            plan.dataset, address=cluster, gpus=gpus, progress=progress, workers=workers
        ) as pool,
        open_database(storage) as database,
    ):
        record_transactions(database, progress.record_event)
        run = known_run(database, spec.name) or create_study(database, spec)
        check_same_study(run, plan)
        ending = _run_here(database, run, plan, pool, progress)
        trials = TrialStorage(database)
        return outcome_of(spec.name, trials, run.study_id, database.url, storage, ending)


def _outcome_of_earlier_launches(plan: Plan, storage: str) -> StudyOutcome | None:
    """The outcome where the study's budget was reached by earlier launches; None: there is
    something to do.

    Raises:
        InvalidInput: another study has the name.
        StudyBusy: another coordinator is about to finish it.
        StudyFailed: all its trials failed.
        StorageError: the database cannot be used.
    """
    try:
        database = open_database(storage, create=False)
    except DatabaseMissing:
        return None
    with database:
        run = known_run(database, plan.spec.name)
        if run is None:
            return None
        check_same_study(run, plan)
        trials = TrialStorage(database)
        if not is_over(plan.spec, trials, run.study_id):
            return None
        name = plan.spec.name
        if run.status in (RunStatus.RUNNING, RunStatus.STOPPING):
            _mark_finished(database, name)
        found = outcome_of(name, trials, run.study_id, database.url, storage, ending=None)
        if found.failed and not found.complete and run.status is RunStatus.FAILED:
            raise StudyFailed(f"study {name!r} ended before: {run.error}")
        return found


def _mark_finished(database: Database, name: str) -> None:
    """Finish a study whose coordinator died after its last trial, before the status was written.

    Raises:
        StudyBusy: it lives.
    """
    taken = take_study(database, name, NoProgress())
    try:
        set_status(database, taken, RunStatus.FINISHED)
    finally:
        release_lease(database, taken)


def _run_here(
    database: Database, run: StudyRun, plan: Plan, pool: Pool, progress: Progress
) -> Ending:
    spec = plan.spec
    taken = take_study(database, spec.name, progress)
    stopped = partial(set_status, database, status=RunStatus.STOPPED)

    def pool_lost(lease: Lease, reason: str) -> None:
        set_status(database, lease, RunStatus.FAILED, reason)

    try:
        with Heartbeat(database, taken) as heartbeat:
            remove_from_queue(database, taken)
            set_status(database, taken, RunStatus.RUNNING)
            update_specification(database, taken, spec.document(), spec.sha256())
            return run_coordinator(
                *(database, run, plan, heartbeat, pool, progress),
                on_stopped=stopped,
                on_pool_lost=pool_lost,
            )
    except LeaseLost as lost:
        progress.record_event(events.CoordinatorReplaced(str(lost)))
        raise
    except KeyboardInterrupt:
        # It came before the coordinator's loop, or after it: then the study has its status.
        with suppress(StatusRefused, DatabaseUnreachable, LeaseLost):
            stopped(taken)
        raise
    finally:
        # Whoever comes next sees that our process is gone, or that the lease has run out.
        with suppress(DatabaseUnreachable):
            release_lease(database, taken)
