"""Putting a study in the queue: `study launch --detach`, `study resume --detach`.

The data may be readable on the service's side only, so what depends on them is checked there.
"""

from dataclasses import dataclass

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.errors import LeaseHeld, StudyExists
from storage.owners import Owner, is_gone
from storage.studies.queue import enqueue
from storage.studies.runs import StudyRun
from storage.tables.status import RunStatus
from storage.trials.storage import TrialStorage
from study.errors import StudyBusy
from study.launching.plan import check_parts
from study.launching.resuming import (
    as_begun,
    check_new_claims,
    check_same_search,
    is_over,
    known_run,
    known_run_in,
)
from study.launching.run import create_study
from study.specification.spec import StudySpec
from study.specification.stored import check_size


@dataclass(frozen=True, slots=True)
class Queued:
    """What became of it; over: its budget had been reached before, so it is not in the queue."""

    study: str
    over: bool


def put_in_queue(spec: StudySpec, storage: str) -> Queued:
    """Write the study to the end of the queue: a new one, or one that is to go on.

    Raises:
        InvalidInput: the specification is wrong, or another study has the name.
        StudyBusy: a coordinator is running the study.
        StorageError: the database cannot be used.
    """
    check_size(spec)
    check_parts(spec)
    check_new_claims(spec, known_run_in(storage, spec.name))
    with open_database(storage) as database:
        run = known_run(database, spec.name)
        if run is None:
            try:
                create_study(database, spec, detached=True)
            except StudyExists:  # someone was faster by a moment
                run = known_run(database, spec.name)
            else:
                return Queued(spec.name, over=False)
        if run is None:
            raise StudyExists(spec.name)
        return _go_on(database, run, spec)


def _go_on(database: Database, run: StudyRun, spec: StudySpec) -> Queued:
    spec = as_begun(spec, run)
    check_same_search(run, spec)
    if is_over(spec, TrialStorage(database), run.study_id):
        return Queued(spec.name, over=True)
    gone = _dead_owner(run)
    try:
        enqueue(database, spec.name, spec.document(), spec.sha256(), dead=gone)
    except LeaseHeld as held:
        raise StudyBusy(f"{held}; stop it first, then put it in the queue") from None
    return Queued(spec.name, over=False)


def _dead_owner(run: StudyRun) -> Owner | None:
    working = run.status in (RunStatus.RUNNING, RunStatus.STOPPING)
    return run.owner if working and run.owner is not None and is_gone(run.owner) else None
