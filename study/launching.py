"""Launching a study: what a launch is given, and what comes of it.

Light to import, so that worker processes can begin to import torch before this one has imported
what a study needs.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from storage.trials import TrialStorage
    from study.coordinator import Ending
    from study.progress import Progress
    from study.spec import StudySpec

DEFAULT_STORAGE = "sqlite:///study.db"


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """How a launch ended. ending is None where the budget had been reached before it began.

    storage_url leads back to the results; storage is the same without a password, to be shown.
    """

    study: str
    storage: str
    storage_url: str = field(repr=False)
    ending: "Ending | None"
    complete: int
    failed: int

    def results(self) -> "pd.DataFrame":
        """The study's results table, a row per trial."""
        from storage.reading import load_results

        return load_results(self.study, self.storage_url)


def launch(
    spec: "StudySpec",
    *,
    data: tuple[Any, Any] | None = None,
    storage: str = DEFAULT_STORAGE,
    ray: str | None = None,
    progress: "Progress | None" = None,
) -> StudyOutcome:
    """Run a study until its budget is reached, from its beginning or from where it stopped.

    data, (features [N, F], labels [N]), stands in for spec.data.source. storage is the URL of a
    SQLite or PostgreSQL database. ray is the address of a Ray cluster, "local" for one of this
    machine's cores that ends with the launch, "serial" to train in this process, or None to train
    in processes of this machine (with spec.resources.gpus: like "local").

    Raises:
        InvalidInput: specification, data, database or cluster cannot be used; nothing was written.
        StudyBusy: another coordinator is running the study.
        StudyFailed: every trial failed.
        StorageError: the database is not there, or was lost on the way.
    """
    from study.pools import early_workers

    with early_workers(ray, spec.resources.gpus) as workers:
        from study.foreground import run_study

        return run_study(
            spec, data=data, storage=storage, ray=ray, progress=progress, workers=workers
        )


def outcome_of(
    name: str,
    trials: "TrialStorage",
    study_id: int,
    storage: str,
    storage_url: str,
    ending: "Ending | None",
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
