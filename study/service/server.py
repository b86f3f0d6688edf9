"""`study serve`: claims studies from the queue, and runs each in a process of its own.

    claim ─► start a process ─► hand the lease over to it ─► instructions through a pipe
                                                                  │
       nothing more to do ◄─ it ended with 0 ─ wait ◄─────────────┘
       note a crash       ◄─ it died

Several services may serve one database: what one of them leaves behind the others take.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from storage.database.engine import Database
from storage.errors import DatabaseUnreachable, LeaseLost, StudyNotFound
from storage.owners import Owner, is_gone
from storage.studies.leases import Lease
from storage.studies.queue import (
    claim_next,
    lease_owners,
    record_crash,
    requeue,
    requeue_abandoned,
    transfer_lease,
)
from storage.studies.runs import read_run
from study.launching.lease import LEASE_SECONDS
from study.launching.signals import stopping_on_signals
from study.monitoring.events import (
    LeaseTaken,
    ProcessEnded,
    ProcessStarted,
    StudyCrashed,
    StudyRecovered,
)
from study.service.child import DATABASE_LOST, EXIT_SECONDS, STOP
from study.service.instructions import Instructions, ServiceOptions
from study.service.reporter import ServiceReport

POLL_SECONDS = 1.0
COMMAND = (sys.executable, "-P", "-m", "study.service.child")


@dataclass(frozen=True, slots=True)
class Child:
    """The process of one study. lease is in its name, or in ours where it has not got it yet."""

    process: "subprocess.Popen[bytes]"
    lease: Lease


class Service:
    """Runs up to max_studies queued studies at once, until stop(); report is given what becomes of
    them."""

    def __init__(
        self,
        database: Database,
        options: ServiceOptions,
        *,
        max_studies: int,
        report: ServiceReport,
    ) -> None:
        self._database = database
        self._options = options
        self._max_studies = max_studies
        self._report = report
        self._owner = Owner.this_process()
        self._children: list[Child] = []
        self._ended: list[tuple[Child, int]] = []  # whose end is not in the database yet
        self._stopping = threading.Event()
        self._database_away = False

    def stop(self) -> None:
        """Take no more studies, and let others go on with those that run here."""
        self._stopping.set()

    def run(self) -> None:
        """Serve until stop(), SIGTERM or Ctrl-C; then leave within seconds."""
        with stopping_on_signals(self.stop):
            while not self._stopping.is_set():
                self._while_reachable(self._step)
                self._stopping.wait(POLL_SECONDS)
            self._leave()

    def _step(self) -> None:
        self._reap()
        self._recover()
        while len(self._children) < self._max_studies and not self._stopping.is_set():
            lease = claim_next(self._database, self._owner, LEASE_SECONDS)
            if lease is None:
                return
            self._start(lease)

    def _while_reachable(self, act: Callable[[], None]) -> None:
        """Act; a database that is away is tried again at the next step."""
        try:
            act()
        except DatabaseUnreachable as error:
            if not self._database_away:
                self._report.say(f"{error}; waiting for it to be back")
            self._database_away = True
        else:
            if self._database_away:
                self._report.say("the database is back")
            self._database_away = False

    # ── A study's process begins ─────────────────────────────────────────────────────────────

    def _start(self, claimed: Lease) -> None:
        # Ctrl-C in a terminal reaches us alone; we tell them.
        with self._report.event_channel_of(claimed.study) as events:
            process = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=sys.stderr.fileno(),
                start_new_session=True,
                pass_fds=() if events is None else (events,),
            )
        child = Child(process, claimed)
        self._children.append(child)
        owner = Owner.of_process(process.pid)
        try:
            lease = transfer_lease(self._database, claimed, owner)
        except (LeaseLost, DatabaseUnreachable):
            process.kill()  # nothing has begun; its end is noted in the next step
            raise
        self._children[-1] = Child(process, lease)
        self._report.count_event(lease.study, LeaseTaken(str(owner), lease.epoch))
        self._report.report_event(lease.study, ProcessStarted(process.pid))
        self._send(process, Instructions(lease, self._options, events).line())

    def _send(self, process: "subprocess.Popen[bytes]", line: bytes) -> None:
        with suppress(BrokenPipeError):  # it died: which is seen when it is reaped
            assert process.stdin is not None
            process.stdin.write(line)
            process.stdin.flush()

    # ── A study's process ends ───────────────────────────────────────────────────────────────

    def _reap(self) -> None:
        for child in list(self._children):
            code = child.process.poll()
            if code is not None:
                self._children.remove(child)
                self._ended.append((child, code))
        while self._ended:
            self._record_end(*self._ended[0])
            del self._ended[0]

    def _record_end(self, child: Child, code: int) -> None:
        """Write the study's status, as it follows from how its process ended."""
        lease = child.lease
        if child.process.stdin is not None:
            with suppress(BrokenPipeError):
                child.process.stdin.close()
        died = None if code == 0 else _death(code)
        try:
            if died is None:
                status = read_run(self._database, lease.study).status
            elif self._stopping.is_set() or code == DATABASE_LOST:
                status = requeue(self._database, lease)
            else:
                reason = f"its coordinator {died}"
                status = record_crash(self._database, lease, reason)
                self._report.report_event(lease.study, StudyCrashed(reason))
        except (LeaseLost, StudyNotFound):
            return  # others have it already, or nobody needs it any more
        self._report.report_event(lease.study, ProcessEnded(status.value, died))

    def _recover(self) -> None:
        gone = [owner for owner in lease_owners(self._database) if is_gone(owner)]
        for study, status in requeue_abandoned(self._database, gone):
            self._report.report_event(study, StudyRecovered(status.value))

    # ── The service ends ─────────────────────────────────────────────────────────────────────

    def _leave(self) -> None:
        """Tell every process to put its study back; kill those that do not, and do it for them."""
        for child in self._children:
            self._send(child.process, STOP)
        deadline = time.monotonic() + EXIT_SECONDS
        for child in self._children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
        self._while_reachable(self._reap)


def _death(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
