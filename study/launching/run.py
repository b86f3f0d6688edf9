"""A study under its lease, from its data to its last commit: what a launch in the foreground and
the processes of a service have in common."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from storage.database.engine import Database, Transaction
from storage.studies.leases import Lease
from storage.studies.runs import (
    DATA_SUMMARY,
    NewRun,
    StudyRun,
    create_run,
    record_data,
    update_specification,
)
from storage.studies.splits import write_splits
from storage.studies.transitions import set_status
from storage.tables.status import RunStatus
from storage.trials.storage import TrialStorage
from study.coordinator.coordinator import Coordinator, Ending, cohort_name, seconds_searched
from study.coordinator.dispatcher import Dispatcher
from study.coordinator.split_rows import stored_split
from study.coordinator.tally import Tally
from study.coordinator.trial_source import TrialSource
from study.errors import StudyFailed
from study.launching.fresh_training import confirm_best
from study.launching.lease import Heartbeat
from study.launching.plan import Plan, copies_in_test
from study.launching.sharing import fair_share
from study.launching.signals import stopping_on_signals
from study.monitoring.events import DatabaseUsed, DataRead
from study.monitoring.progress import Progress
from study.sampling.proposers import proposer_for
from study.sampling.pruning import Pruning
from study.specification.spec import StudySpec
from workers.data.summary import summarize
from workers.pools.kinds import cluster_distributions
from workers.pools.pool import Pool, PoolUnavailable

COLUMNS_SAID = 12
"""Where a table has more of them, a launch counts its columns; `study check` lists all."""

COLUMNS_KEPT = 200
"""More are counted in the summary that is kept with the study."""

_STATUS_AFTER = {
    Ending.BUDGET: RunStatus.FINISHED,
    Ending.EXHAUSTED: RunStatus.FINISHED,
}
# The packages whose versions are kept with a study.
_RECORDED = ("overfit-study", "torch", *cluster_distributions(), "optuna")


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


def run_coordinator(
    database: Database,
    run: StudyRun,
    plan: Plan,
    heartbeat: Heartbeat,
    pool: Pool,
    progress: Progress,
    *,
    on_stopped: Callable[[Lease], object],
    on_pool_lost: Callable[[Lease, str], object],
) -> Ending:
    """Run the study until its ending, confirm what it found where its specification says so, and
    write the status that follows.

    on_stopped writes what a study becomes that was stopped before its ending, on_pool_lost one
    whose pool was lost on the way, with the reason.

    Raises:
        StudyFailed: every trial failed, the pool was lost, or a trial could not be confirmed.
        LeaseLost: another coordinator has the study.
        StorageError: the database was lost on the way.
    """
    spec = plan.spec
    trials = TrialStorage(database)
    spent = seconds_searched(trials, run.study_id)
    begun = trials.get_n_trials(run.study_id)
    if run.data_sha256 is None:
        record_data(
            database,
            heartbeat.lease(),
            data_sha256=plan.dataset.sha256,
            versions=_versions(),
            user_attributes=_facts(plan),
        )
        # How its columns were read, and will be from now on.
        update_specification(database, heartbeat.lease(), spec.document(), spec.sha256())
    write_splits(
        database,
        heartbeat.lease(),
        [stored_split(number, split) for number, split in enumerate(plan.splits)],
    )
    for line in summarize(plan.dataset).lines(COLUMNS_SAID):
        progress.record_event(DataRead(line))
    copies = copies_in_test(plan)
    if copies is not None:
        progress.record_event(copies)
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
            record_event=progress.record_event,
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
    unconfirmed: str | None = None
    try:
        heartbeat.join(pool.cluster, pool.slots())
        with stopping_on_signals(coordinator.stop):
            ending = coordinator.run()
        if ending in _STATUS_AFTER and spec.confirm is not None:
            coordinator.retry_until_done(coordinator.save_time)
            confirmed = confirm_best(
                *(database, spec, spec.confirm, plan.dataset, heartbeat, pool, progress),
                retry=coordinator.retry_until_done,
            )
            unconfirmed = confirmed.reason
            ending = Ending.STOPPED if confirmed.stopped else ending
    except PoolUnavailable as lost:
        reason = f"what trained its trials was lost: {lost}"
        coordinator.retry_until_done(coordinator.save_time)
        coordinator.retry_until_done(lambda: on_pool_lost(heartbeat.lease(), reason))
        waits = "its running trials wait for the next launch"
        raise StudyFailed(f"study {spec.name!r}: {reason}; {waits}") from lost
    coordinator.retry_until_done(coordinator.save_time)
    if ending is Ending.STOPPED:
        coordinator.retry_until_done(lambda: on_stopped(heartbeat.lease()))
    elif ending is Ending.HOPELESS:
        tally = coordinator.tally
        reason = f"all {tally.failed} trials failed, the last with: {tally.last_reason}"
        coordinator.retry_until_done(
            lambda: set_status(database, heartbeat.lease(), RunStatus.FAILED, reason)
        )
        raise StudyFailed(f"study {spec.name!r} ended: {reason}")
    else:
        status = _STATUS_AFTER[ending]
        coordinator.retry_until_done(
            lambda: set_status(database, heartbeat.lease(), status, unconfirmed)
        )
        if unconfirmed is not None:
            raise StudyFailed(f"study {spec.name!r} is {status.value}, but {unconfirmed}")
    return ending


def record_transactions(database: Database, record_event: Callable[[DatabaseUsed], None]) -> None:
    """Record every transaction from now on as an event, in the thread that made it."""

    def note(done: Transaction) -> None:
        kind = "write" if done.writes else "read"
        record_event(DatabaseUsed(kind, done.seconds, done.failed))

    database.observe_transactions(note)


def _versions() -> dict[str, str]:
    found = {}
    for name in _RECORDED:
        with suppress(PackageNotFoundError):  # a study may do without a cluster's package
            found[name] = version(name)
    return found


def _facts(plan: Plan) -> dict[str, Any]:
    """What the dashboard shows of the study as a whole."""
    return {
        "data": plan.dataset.name,
        "examples": plan.dataset.examples,
        **plan.dataset.task.facts(),
        DATA_SUMMARY: summarize(plan.dataset).lines(COLUMNS_KEPT),
        "seed": plan.spec.seed,
        "sampler": plan.spec.sampler.value,
        "replicates": plan.spec.training.replicates,
        "epochs": plan.spec.training.epochs,
    }
