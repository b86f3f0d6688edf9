"""A coordinator on a real database, with a pool that trains nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import optuna

from storage.database.engine import Database
from storage.owners import Owner
from storage.studies.leases import acquire_lease
from storage.studies.runs import NewRun, create_run
from storage.trials.storage import TrialStorage
from study.coordinator.coordinator import Coordinator, Ending, cohort_name
from study.coordinator.dispatcher import Dispatcher
from study.coordinator.tally import Tally
from study.coordinator.trial_source import TrialSource
from study.launching.plan import bounds_of
from study.monitoring.progress import NoProgress, Progress
from study.sampling.proposers import proposer_for
from study.sampling.pruning import Pruning
from study.specification.files import read_specification
from study.specification.space import baseline_parameters
from study.specification.spec import StudySpec
from workers.pools.pool import FailureKind, Pool
from workers.pools.simulated import SimulatedPool, never
from workers.segment import Segment

FailureOf = Callable[[Segment], FailureKind | None]


@dataclass
class Bench:
    """A database with one study, to run coordinators on."""

    database: Database
    url: str
    progress: Progress = field(default_factory=NoProgress)

    def coordinator(self, spec: StudySpec, pool: Pool) -> Coordinator:
        # Of a pool that trains nothing, time is its own.
        clock = pool.clock if isinstance(pool, SimulatedPool) else time.monotonic
        storage = TrialStorage(self.database)
        names = [summary.study_name for summary in storage.get_all_studies()]
        if spec.name not in names:
            create_run(
                self.database,
                NewRun(
                    study=spec.name,
                    directions=[objective.direction for objective in spec.objective],
                    specification=spec.document(),
                    specification_sha256=spec.sha256(),
                    data_sha256="0" * 64,
                    seed=spec.seed,
                ),
            )
        study_id = storage.get_study_id_from_name(spec.name)
        me = Owner.this_process()
        last = getattr(self, "_owner", None)
        lease = acquire_lease(self.database, spec.name, me, 60, force_from=last)
        self._owner = me
        bounds, pruning = bounds_of(spec), Pruning(spec)
        return Coordinator(
            spec=spec,
            source=TrialSource(
                spec=spec,
                storage=storage,
                study_id=study_id,
                lease=lambda: lease,
                proposer=proposer_for(spec, begun=storage.get_n_trials(study_id)),
                baseline=baseline_parameters(spec),
                trials_in_all=bounds.trials,
                clock=clock,
            ),
            dispatcher=Dispatcher(
                pool=pool,
                settings=spec.training.settings(),
                seed=spec.seed,
                label_noise=0.0,
                next_stop=pruning.next_stop,
                clock=clock,
                record_event=self.progress.record_event,
                cohort_name=lambda ticket: cohort_name(lease, ticket),
            ),
            pruning=pruning,
            storage=storage,
            study_id=study_id,
            lease=lambda: lease,
            tally=Tally(spec, bounds),
            progress=self.progress,
            clock=clock,
        )

    def run(self, spec: StudySpec, failure_of: FailureOf = never) -> Ending:
        return self.coordinator(spec, SimulatedPool(failure_of=failure_of)).run()

    def optuna_study(self, name: str) -> optuna.Study:
        return optuna.load_study(study_name=name, storage=TrialStorage(self.database))


def spec_of(*overrides: str, trials: int = 20) -> StudySpec:
    return read_specification(
        "digits", overrides=["sampler=random", f"budget.trials={trials}", *overrides]
    )
