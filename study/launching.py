"""Launching a study: where specification, data, database, pool and coordinator meet."""

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from storage.engine import Database, open_database
from storage.errors import DatabaseMissing, DatabaseUnreachable, LeaseLost, StatusRefused
from storage.leases import release_lease
from storage.queue import take_out
from storage.runs import StudyRun, set_status, update_specification
from storage.status import RunStatus
from storage.trials import TrialStorage
from study import events
from study.conducting import conduct, create_study, tell_of_transactions
from study.coordinator import Ending
from study.heartbeat import Heartbeat
from study.ownership import take_study
from study.plan import Plan, make_plan
from study.pools import open_pool
from study.progress import Progress, Silence
from study.resuming import check_same_study, is_over, known_run
from study.spec import StudySpec
from workers.pool import Pool

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_STORAGE = "sqlite:///study.db"


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """How a launch ended. ending is None where the budget had been reached before it began.

    storage_url leads back to the results; storage is the same without a password, to be shown.
    """

    study: str
    storage: str
    storage_url: str = field(repr=False)
    ending: Ending | None
    complete: int
    failed: int

    def results(self) -> "pd.DataFrame":
        """The study's results table, a row per trial."""
        from storage.reading import load_results

        return load_results(self.study, self.storage_url)


def launch(
    spec: StudySpec,
    *,
    data: tuple[Any, Any] | None = None,
    storage: str = DEFAULT_STORAGE,
    ray: str | None = None,
    progress: Progress | None = None,
) -> StudyOutcome:
    """Run a study until its budget is reached, from its beginning or from where it stopped.

    data, (features [N, F], labels [N]), stands in for spec.data.source. storage is the URL of a
    SQLite or PostgreSQL database. ray is the address of a Ray cluster, "serial" to train in this
    process, or None for a cluster of this machine's cores that ends with the launch.

    Raises:
        InvalidInput: specification, data, database or cluster cannot be used; nothing was written.
        StudyBusy: another coordinator is running the study.
        StudyFailed: every trial failed.
        StorageError: the database is not there, or was lost on the way.
    """
    shown = progress or Silence()
    plan = make_plan(spec, data)
    before = _ended_before(plan, storage)
    if before is not None:
        return before
    # The pool comes first: where there is none, no database is made.
    with (
        open_pool(plan.dataset, ray=ray, gpus=spec.resources.gpus, progress=shown) as pool,
        open_database(storage) as database,
    ):
        tell_of_transactions(database, shown)
        run = known_run(database, spec.name) or create_study(database, spec)
        check_same_study(run, plan)
        ending = _run_here(database, run, plan, pool, shown)
        trials = TrialStorage(database)
        return outcome_of(spec.name, trials, run.study_id, database.url, storage, ending)


def _ended_before(plan: Plan, storage: str) -> StudyOutcome | None:
    """The outcome where the study's budget was reached by earlier launches; None: there is
    something to do.

    Raises:
        InvalidInput: another study has the name.
        StudyBusy: another coordinator is about to finish it.
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
            _settle(database, name)
        return outcome_of(name, trials, run.study_id, database.url, storage, ending=None)


def _settle(database: Database, name: str) -> None:
    """Finish a study whose coordinator died after its last trial, and before it could say so.

    Raises:
        StudyBusy: it lives.
    """
    taken = take_study(database, name, Silence())
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
    try:
        with Heartbeat(database, taken) as heartbeat:
            take_out(database, taken)
            set_status(database, taken, RunStatus.RUNNING)
            update_specification(database, taken, spec.document(), spec.sha256())
            return conduct(database, run, plan, heartbeat, pool, progress, put_down=stopped)
    except LeaseLost as lost:
        progress.tell(events.LeaseLost(str(lost)))
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


def outcome_of(
    name: str,
    trials: TrialStorage,
    study_id: int,
    storage: str,
    storage_url: str,
    ending: Ending | None,
) -> StudyOutcome:
    """How a study stands that ended so, here or elsewhere."""
    states = [t.state.name for t in trials.get_all_trials(study_id, deepcopy=False)]
    return StudyOutcome(
        study=name,
        storage=storage,
        storage_url=storage_url,
        ending=ending,
        complete=states.count("COMPLETE"),
        failed=states.count("FAIL"),
    )
