"""The process of one claimed study: `python -m study.service.child`, instructed through stdin.

    0    the study's status in the database says what became of it
    75   the database was lost on the way: the study is to be put back

Whatever else it ends with, the process died, and its service notes a crash.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.errors import DatabaseUnreachable, LeaseLost
from storage.studies.leases import Lease, release_lease
from storage.studies.queue import record_crash, requeue
from storage.studies.runs import read_run
from storage.studies.transitions import set_status
from storage.tables.status import RunStatus
from study.coordinator.coordinator import Ending
from study.errors import ExitCode, InvalidInput, StudyFailed
from study.launching.lease import Heartbeat
from study.launching.plan import Plan, make_plan
from study.launching.pools import open_pool
from study.launching.resuming import check_same_study
from study.launching.run import record_transactions, run_coordinator
from study.monitoring import events
from study.monitoring.progress import Progress
from study.service.data_roots import permitted
from study.service.instructions import Instructions
from study.service.reporter import progress_of
from study.specification.data_files import check_files
from study.specification.stored import claimed_specification

DATABASE_LOST = 75
# Until a study is tried again for which there was no cluster: which is not the study's fault.
CLUSTER_DELAY_SECONDS = 15.0
PIPE = 0

EXIT_SECONDS = 5.0
"""How long a study's process may take to put its running trials back."""

STOP = b"stop\n"


def main() -> int:
    """Run the study of the instructions; returns the process's exit code."""
    # Until the study runs, and stops by itself, whoever wants it to stop raises KeyboardInterrupt.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    line = read_line(PIPE)
    if not line:
        return ExitCode.OK  # the service was gone before it had a study for us
    instructions = Instructions.parse(line)
    lease, options = instructions.lease, instructions.options
    with (
        open_database(options.storage, create=False) as database,
        progress_of(instructions) as progress,
    ):
        record_transactions(database, progress.record_event)
        try:
            with Heartbeat(database, lease) as heartbeat:
                stop_when_asked(PIPE, heartbeat.ask_to_stop)
                ending = _run_or_put_back(database, heartbeat, instructions, progress)
            release_lease(database, lease)
        except LeaseLost as lost:
            progress.record_event(events.CoordinatorReplaced(str(lost)))
            return ExitCode.OK
        except DatabaseUnreachable as error:
            progress.write_line(str(error))
            return DATABASE_LOST
    if ending in (Ending.BUDGET, Ending.EXHAUSTED):
        _save_figures(instructions, progress)
    return ExitCode.OK


def _run_or_put_back(
    database: Database, heartbeat: Heartbeat, instructions: Instructions, progress: Progress
) -> Ending | None:
    """Run the study to its ending; None: it has none yet, or failed. Its status is written."""
    try:
        return _run(database, heartbeat, instructions, progress)
    except StudyFailed as failed:
        progress.write_line(str(failed))
    except KeyboardInterrupt:
        requeue(database, heartbeat.lease())
    except (LeaseLost, DatabaseUnreachable):
        raise
    except Exception as error:  # noqa: BLE001  the study is tried again, not too often
        sys.excepthook(type(error), error, error.__traceback__)  # where there are logs, one line
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
        _note_crash(database, progress, heartbeat.lease(), reason)
    return None


def _note_crash(database: Database, progress: Progress, lease: Lease, reason: str) -> None:
    record_crash(database, lease, reason)
    progress.record_event(events.StudyCrashed(reason))


def _run(
    database: Database, heartbeat: Heartbeat, instructions: Instructions, progress: Progress
) -> Ending | None:
    options = instructions.options
    try:
        plan = _plan(database, heartbeat, instructions)
    except InvalidInput as error:
        progress.write_line(str(error))
        set_status(database, heartbeat.lease(), RunStatus.FAILED, str(error))
        return None
    run = read_run(database, plan.spec.name)
    gpus = plan.spec.resources.gpus
    with ExitStack() as stack:
        try:
            opened = open_pool(plan.dataset, address=options.cluster, gpus=gpus, progress=progress)
            pool = stack.enter_context(opened)
        except InvalidInput as error:
            progress.write_line(str(error))
            delay = CLUSTER_DELAY_SECONDS
            requeue(database, heartbeat.lease(), reason=str(error), delay=delay)
            return None
        return run_coordinator(
            database,
            run,
            plan,
            heartbeat,
            pool,
            progress,
            on_stopped=lambda lease: requeue(database, lease),
            on_pool_lost=partial(_note_crash, database, progress),
        )


def _plan(database: Database, heartbeat: Heartbeat, instructions: Instructions) -> Plan:
    """The plan of the claimed specification, its data read where this service may read them."""
    lease = heartbeat.lease()
    spec = claimed_specification(database, lease)
    readable = permitted(spec.data, instructions.options.data)
    check_files(spec.data, readable)
    plan = make_plan(spec.model_copy(update={"data": readable}))
    # Paths in the database stay as they were written there: another service has other roots.
    kept = spec.data.model_copy(update={"columns": plan.spec.data.columns})
    plan = replace(plan, spec=spec.model_copy(update={"data": kept}))
    check_same_study(read_run(database, spec.name), plan)
    return plan


def _save_figures(instructions: Instructions, progress: Progress) -> None:
    """The pictures of a finished study, for its dashboard."""
    from study.report.outputs.dashboard_figures import save_to_dashboard

    try:
        save_to_dashboard(instructions.lease.study, instructions.options.storage)
    except Exception as error:  # noqa: BLE001  the study itself is finished, and well
        progress.write_line(f"its pictures could not be drawn: {' '.join(str(error).split())}")


def read_line(pipe: int) -> bytes:
    """The next line, b"" at the end of the pipe; byte by byte: what follows stays in it."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(pipe, 1)
        if not byte:
            return b""
        line += byte
    return line


def stop_when_asked(pipe: int, stop: Callable[[], None]) -> None:
    """Call stop, from a thread, when the service says so or is gone; leave for good when it is
    gone and stop does not help in time."""

    def wait_for_stop() -> None:
        while (line := read_line(pipe)) not in (STOP, b""):
            pass
        stop()
        if line == STOP:
            read_line(pipe)  # the service waits, and kills, unless it dies itself
        leave = threading.Timer(EXIT_SECONDS, os._exit, [ExitCode.INTERRUPTED])
        leave.daemon = True
        leave.start()

    threading.Thread(target=wait_for_stop, name="parent", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
