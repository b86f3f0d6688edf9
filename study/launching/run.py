"""A study under its lease, from its data to its last commit: what a launch in the foreground and
the processes of a service have in common."""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

from storage.database.engine import Database, Transaction
from storage.studies.leases import Lease
from storage.studies.runs import NewRun, StudyRun, create_run, record_data, set_status
from storage.studies.splits import Split, write_splits
from storage.tables.status import RunStatus
from storage.trials.storage import TrialStorage
from study.coordinator.coordinator import SECONDS_SPENT, Coordinator, Ending, cohort_name
from study.coordinator.dispatcher import Dispatcher
from study.coordinator.tally import Tally
from study.coordinator.trial_source import TrialSource
from study.errors import StudyFailed
from study.launching.lease import Heartbeat
from study.launching.plan import Plan
from study.launching.sharing import fair_share
from study.launching.signals import stopping_on_signals
from study.monitoring.events import DatabaseUsed
from study.monitoring.progress import Progress
from study.sampling.proposers import proposer_for
from study.sampling.pruning import Pruning
from study.specification.spec import StudySpec
from workers.pools.pool import Pool

_STATUS_AFTER = {
    Ending.BUDGET: RunStatus.FINISHED,
    Ending.EXHAUSTED: RunStatus.FINISHED,
}


def create_study(database: Database, spec: StudySpec, *, detached: bool = False) -> StudyRun:
    """A new study that waits for a coordinator; what depends on its data is written by that one.

    detached puts it in the queue of the services. Raises StudyExists.
    """
    return create_run(
        database,
        NewRun(
            study=spec.name,
            directions=[objective.direction for objective in spec.objective],
            specification=spec.document(),
            specification_sha256=spec.sha256(),
            data_sha256=None,
            seed=spec.seed,
            # Optuna's name for what Study.set_metric_names writes.
            system_attributes={"study:metric_names": [o.value for o in spec.objective]},
            detached=detached,
        ),
    )


def conduct(
    database: Database,
    run: StudyRun,
    plan: Plan,
    heartbeat: Heartbeat,
    pool: Pool,
    progress: Progress,
    *,
    put_down: Callable[[Lease], object],
) -> Ending:
    """Run the study until its ending, and write the status that follows from it.

    put_down writes what a study becomes that was stopped before its ending.

    Raises:
        StudyFailed: every trial failed.
        LeaseLost: another coordinator has the study.
        StorageError: the database was lost on the way.
    """
    spec = plan.spec
    trials = TrialStorage(database)
    spent = trials.get_study_user_attrs(run.study_id).get(SECONDS_SPENT, 0.0)
    begun = trials.get_n_trials(run.study_id)
    if run.data_sha256 is None:
        record_data(
            database,
            heartbeat.lease(),
            data_sha256=plan.dataset.sha256,
            versions={name: version(name) for name in ("overfit-study", "torch", "ray", "optuna")},
            user_attributes=_facts(plan),
        )
    write_splits(database, heartbeat.lease(), _splits(plan))
    heartbeat.join(pool.cluster, pool.slots())
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
            share=lambda slots: fair_share(slots, heartbeat.wanted_by_others()),
            tell=progress.tell,
            cohort_name=partial(cohort_name, heartbeat.lease()),
        ),
        pruning=pruning,
        storage=trials,
        study_id=run.study_id,
        lease=heartbeat.lease,
        tally=Tally(spec, plan.bounds),
        progress=progress,
        stop_requested=heartbeat.stop_requested,
        want_slots=heartbeat.want,
        seconds_before=spent,
    )
    with stopping_on_signals(coordinator.stop):
        ending = coordinator.run()
    coordinator.insist(coordinator.write_time)
    if ending is Ending.STOPPED:
        coordinator.insist(lambda: put_down(heartbeat.lease()))
    elif ending is Ending.HOPELESS:
        tally = coordinator.tally
        reason = f"all {tally.failed} trials failed, the last with: {tally.last_reason}"
        coordinator.insist(
            lambda: set_status(database, heartbeat.lease(), RunStatus.FAILED, reason)
        )
        raise StudyFailed(f"study {spec.name!r} ended: {reason}")
    else:
        status = _STATUS_AFTER[ending]
        coordinator.insist(lambda: set_status(database, heartbeat.lease(), status))
    return ending


def tell_of_transactions(database: Database, tell: Callable[[DatabaseUsed], None]) -> None:
    """Tell of every transaction from now on, in the thread that made it."""

    def note(done: Transaction) -> None:
        kind = "write" if done.writes else "read"
        tell(DatabaseUsed(kind, done.seconds, done.failed))

    database.observe(note)


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
        **plan.dataset.task.facts(),
        "seed": plan.spec.seed,
        "sampler": plan.spec.sampler.value,
        "replicates": plan.spec.training.replicates,
        "epochs": plan.spec.training.epochs,
    }
