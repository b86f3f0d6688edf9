"""Launching a study: what a launch is given, and what comes of it.

Light to import, so that worker processes can begin to import torch before this one has imported
what a study needs.
"""

from typing import TYPE_CHECKING, Any

from study.errors import InvalidInput

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
    cluster: str | None = None,
    ray: str | None = None,
    progress: "Progress | None" = None,
) -> "StudyOutcome":
    """Run a study until its budget is reached, from its beginning or from where it stopped.

    data, (features [N, F], labels [N]), stands in for spec.data.source. storage is the URL of a
    SQLite or PostgreSQL database. cluster is the address of a running cluster, "local" for one of
    this machine's cores that ends with the launch, "serial" to train in this process, "processes"
    to train in processes of this machine, or None: like "processes" (with spec.resources.gpus: like
    "local"). ray is another name of it.

    Raises:
        InvalidInput: specification, data, database or cluster cannot be used; nothing was written.
        StudyBusy: another coordinator is running the study.
        StudyFailed: every trial failed, or what trained them was lost.
        StorageError: the database is not there, or was lost on the way.
    """
    from study.launching.pools import early_workers

    if cluster is not None and ray is not None:
        raise InvalidInput(f"cluster: found {cluster!r}, and ray: {ray!r}; give one of them")
    address = ray if cluster is None else cluster
    with early_workers(address, spec.resources.gpus) as workers:
        from study.launching.foreground import run_study

        return run_study(
            spec, data=data, storage=storage, cluster=address, progress=progress, workers=workers
        )
