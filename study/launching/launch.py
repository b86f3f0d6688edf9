"""Launching a study: what a launch is given, and what comes of it.

Light to import, so that worker processes can begin to import torch before this one has imported
what a study needs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.launching.outcome import StudyOutcome
    from study.monitoring.progress import Progress
    from study.specification.spec import StudySpec

DEFAULT_STORAGE = "sqlite:///study.db"


def launch(
    spec: "StudySpec",
    *,
    data: tuple[Any, Any] | None = None,
    storage: str = DEFAULT_STORAGE,
    ray: str | None = None,
    progress: "Progress | None" = None,
) -> "StudyOutcome":
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
    from study.launching.pools import early_workers

    with early_workers(ray, spec.resources.gpus) as workers:
        from study.launching.foreground import run_study

        return run_study(
            spec, data=data, storage=storage, ray=ray, progress=progress, workers=workers
        )
