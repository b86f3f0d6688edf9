"""Asking a study that runs elsewhere to stop."""

import time

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.owners import is_gone
from storage.studies.runs import StudyRun, read_run
from storage.studies.transitions import request_stop
from storage.tables.status import ENDED, RunStatus
from study.monitoring.suggestion import command

POLL_SECONDS = 0.5


def stop_study(name: str, storage: str, *, timeout: float) -> str:
    """Ask the study's coordinator to stop, and wait for up to timeout seconds until it has.

    Returns one line that says what became of it.
    """
    resume = command("resume", name, storage=storage)
    queue_again = command("resume", name, storage=storage, options=["--detach"])
    with open_database(storage, create=False) as database:
        before = read_run(database, name)
        if before.status in ENDED and before.owner is not None and not is_gone(before.owner):
            return (
                f"study {name!r} was {before.status.value} already; {before.owner} confirms trials "
                "of it, and stops where Ctrl-C is pressed there"
            )
        if before.status in ENDED:
            return f"study {name!r} was {before.status.value} already"
        gone = before.owner is None or is_gone(before.owner)
        if gone and not before.detached:
            return f"study {name!r} has no coordinator; to go on: {resume}"
        if request_stop(database, name) is RunStatus.STOPPED:
            return f"study {name!r} left the queue; to go on: {queue_again}"
        run = _wait(database, name, timeout)
    if run.status in ENDED:
        again = queue_again if run.detached else resume
        return f"study {name!r} is {run.status.value}; to go on: {again}"
    return f"study {name!r} was asked to stop; {run.owner} has not done so within {timeout:g} s"


def _wait(database: Database, name: str, timeout: float) -> StudyRun:
    deadline = time.monotonic() + timeout
    while True:
        run = read_run(database, name)
        if run.status in ENDED or time.monotonic() >= deadline:
            return run
        time.sleep(POLL_SECONDS)
