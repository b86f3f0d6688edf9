"""Launching a study: where specification, data, database, pool and coordinator meet."""

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from storage.engine import Database, Transaction, open_database
from storage.errors import DatabaseMissing, LeaseLost, StudyNotFound
from storage.leases import release_lease
from storage.runs import (
    NewRun,
    StudyRun,
    create_run,
    read_run,
    set_status,
    update_specification,
)
from storage.splits import Split, write_splits
from storage.status import RunStatus
from storage.trials import TrialStorage
from study import events
from study.asking import TrialSource
from study.coordinator import SECONDS_SPENT, Coordinator, Ending, cohort_name
from study.dispatching import Dispatcher
from study.errors import StudyFailed
from study.heartbeat import Heartbeat
from study.ownership import take_study
from study.plan import Plan, make_plan
from study.pools import open_pool
from study.progress import Progress, Silence
from study.pruning import Pruning
from study.resuming import check_same_study
from study.sampling import proposer_for
from study.signals import stopping_on_signals
from study.spec import StudySpec
from study.tally import Tally
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
        database.observe(lambda done: shown.tell(_database_used(done)))
        run = _known_run(database, spec.name) or _create(database, plan)
        check_same_study(run, plan)
        trials = TrialStorage(database)
        ending = _coordinate(database, run, plan, trials, pool, shown)
        return _outcome(plan, trials, run, database.url, storage, ending)


def _ended_before(plan: Plan, storage: str) -> StudyOutcome | None:
    """The outcome where the study's budget was reached by earlier launches; None: there is
    something to do.

    Raises:
        InvalidInput: another study has the name.
        StorageError: the database cannot be used.
    """
    try:
        database = open_database(storage, create=False)
    except DatabaseMissing:
        return None
    with database:
        run = _known_run(database, plan.spec.name)
        if run is None:
            return None
        check_same_study(run, plan)
        trials = TrialStorage(database)
        if not _is_over(plan, trials, run.study_id):
            return None
        return _outcome(plan, trials, run, database.url, storage, ending=None)


def _known_run(database: Database, name: str) -> StudyRun | None:
    try:
        return read_run(database, name)
    except StudyNotFound:
        return None


def _is_over(plan: Plan, trials: TrialStorage, study_id: int) -> bool:
    """Whether nothing is left to do: no trial to finish, none to create, or no time."""
    seconds = trials.get_study_user_attrs(study_id).get(SECONDS_SPENT, 0.0)
    if plan.bounds.seconds is not None and seconds >= plan.bounds.seconds:
        return True
    known = trials.get_all_trials(study_id, deepcopy=False)
    unfinished = any(not trial.state.is_finished() for trial in known)
    return plan.bounds.trials is not None and not unfinished and len(known) >= plan.bounds.trials


def _create(database: Database, plan: Plan) -> StudyRun:
    spec = plan.spec
    return create_run(
        database,
        NewRun(
            study=spec.name,
            directions=[objective.direction for objective in spec.objective],
            specification=spec.document(),
            specification_sha256=spec.sha256(),
            data_sha256=plan.dataset.sha256,
            seed=spec.seed,
            versions={name: version(name) for name in ("overfit-study", "torch", "ray", "optuna")},
            user_attributes=_facts(plan),
            # Optuna's name for what Study.set_metric_names writes.
            system_attributes={"study:metric_names": [o.value for o in spec.objective]},
        ),
    )


def _splits(plan: Plan) -> list[Split]:
    return [
        Split(
            replicate=replicate,
            train_examples=split.train_examples,
            validation_index=split.validation_index.astype("<i4").tobytes(),
            test_index=split.test_index.astype("<i4").tobytes(),
            majority_validation_accuracy=split.chance_validation_accuracy,
            majority_test_accuracy=split.chance_test_accuracy,
        )
        for replicate, split in enumerate(plan.splits)
    ]


def _facts(plan: Plan) -> dict[str, Any]:
    """What the dashboard shows of the study as a whole."""
    return {
        "data": plan.dataset.name,
        "examples": plan.dataset.examples,
        "classes": len(plan.dataset.classes),
        "seed": plan.spec.seed,
        "sampler": plan.spec.sampler.value,
        "replicates": plan.spec.training.replicates,
        "epochs": plan.spec.training.epochs,
    }


def _coordinate(
    database: Database,
    run: StudyRun,
    plan: Plan,
    trials: TrialStorage,
    pool: Pool,
    progress: Progress,
) -> Ending:
    spec = plan.spec
    taken = take_study(database, spec.name, progress)
    spent = trials.get_study_user_attrs(run.study_id).get(SECONDS_SPENT, 0.0)
    begun = trials.get_n_trials(run.study_id)
    try:
        with Heartbeat(database, taken) as heartbeat:
            set_status(database, taken, RunStatus.RUNNING)
            update_specification(database, taken, spec.document(), spec.sha256())
            write_splits(database, taken, _splits(plan))
            pruning = Pruning(spec)
            coordinator = Coordinator(
                spec=spec,
                source=TrialSource(
                    spec=spec,
                    storage=trials,
                    study_id=run.study_id,
                    lease=heartbeat.lease,
                    proposer=proposer_for(spec, begun=begun),
                    baseline=plan.baseline,
                    trials_in_all=plan.bounds.trials,
                ),
                dispatcher=Dispatcher(
                    pool=pool,
                    settings=spec.training.settings(),
                    seed=spec.seed,
                    label_noise=spec.data.label_noise,
                    next_stop=pruning.next_stop,
                    tell=progress.tell,
                    cohort_name=lambda ticket: cohort_name(taken, ticket),
                ),
                pruning=pruning,
                storage=trials,
                study_id=run.study_id,
                lease=heartbeat.lease,
                tally=Tally(spec, plan.bounds),
                progress=progress,
                stop_requested=heartbeat.stop_requested,
                seconds_before=spent,
            )
            with stopping_on_signals(coordinator.stop):
                ending = coordinator.run()
            coordinator.write_time()
            set_status(database, heartbeat.lease(), _STATUS_AFTER[ending])
    except LeaseLost as lost:
        progress.tell(events.LeaseLost(str(lost)))
        raise
    finally:
        release_lease(database, taken)
    if ending is Ending.HOPELESS:
        raise StudyFailed(
            f"study {spec.name!r} ended: all {coordinator.tally.failed} trials failed, the last "
            f"with: {coordinator.tally.last_reason}"
        )
    return ending


def _database_used(done: Transaction) -> events.DatabaseUsed:
    return events.DatabaseUsed("write" if done.writes else "read", done.seconds, done.failed)


_STATUS_AFTER = {
    Ending.BUDGET: RunStatus.FINISHED,
    Ending.EXHAUSTED: RunStatus.FINISHED,
    Ending.STOPPED: RunStatus.STOPPED,
    Ending.HOPELESS: RunStatus.FAILED,
}


def _outcome(
    plan: Plan,
    trials: TrialStorage,
    run: StudyRun,
    storage: str,
    storage_url: str,
    ending: Ending | None,
) -> StudyOutcome:
    states = [t.state.name for t in trials.get_all_trials(run.study_id, deepcopy=False)]
    return StudyOutcome(
        study=plan.spec.name,
        storage=storage,
        storage_url=storage_url,
        ending=ending,
        complete=states.count("COMPLETE"),
        failed=states.count("FAIL"),
    )
