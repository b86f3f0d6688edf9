"""Where a service and its studies say how they go: the one place that composes it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Self

from study.monitoring.console import PlainLines
from study.monitoring.event import Event
from study.monitoring.progress import CombinedProgress, Progress, Snapshot
from study.monitoring.terminal import message_console
from study.service.instructions import Instructions

if TYPE_CHECKING:
    from study.monitoring.metrics import Metrics

SECONDS_BETWEEN_LINES = 30.0


class ServiceReport:
    """What the process that serves reports of itself and of the studies' processes.

    say takes lines that are of no study. logs: the studies' lines are logs as well.
    """

    def __init__(
        self, say: Callable[[str], None], *, logs: bool, metrics: "Metrics | None" = None
    ) -> None:
        self.say = say
        self._logs = logs
        self._metrics = metrics

    def report_event(self, study: str, event: Event) -> None:
        """Show an event of a study, and count it."""
        if self._logs:
            from study.monitoring.logs import StudyLog

            StudyLog(study).record_event(event)
        elif event.line:
            self.say(f"study {study!r} {event.line}")
        self.count_event(study, event)

    def count_event(self, study: str, event: Event) -> None:
        """Count an event without showing it; study "" is the service itself."""
        if self._metrics is not None:
            self._metrics.count_event(study, event)

    @contextmanager
    def event_channel_of(self, study: str) -> Iterator[int | None]:
        """The descriptor through which the study's process, to be started within the block, sends
        its events; None: nobody counts them."""
        if self._metrics is None:
            yield None
            return
        from study.monitoring.channel import event_channel

        metrics = self._metrics
        metrics.study_started(study)
        with event_channel(
            partial(metrics.count_event, study), partial(metrics.study_ended, study)
        ) as descriptor:
            yield descriptor


def progress_of(instructions: Instructions) -> Progress:
    """How the process of one study tells of it: on stderr, which is the service's, as lines for a
    person or, with a log format, as logs; and to the service, where that counts."""
    shown = _shown_of(instructions)
    if instructions.events is None:
        return shown
    from study.monitoring.channel import EventSender

    os.set_inheritable(instructions.events, False)
    return CombinedProgress((shown, EventSender(instructions.events)))


def _shown_of(instructions: Instructions) -> Progress:
    study, options = instructions.lease.study, instructions.options
    if options.log_format is None:
        return NamedLines(study)
    from study.monitoring.logs import StudyLog, configure_logs

    configure_logs(options.log_format, options.log_level, study=study)
    return StudyLog(study)


class NamedLines:
    """Plain lines that begin with the study's name: several studies share one stderr."""

    def __init__(self, study: str) -> None:
        self._study = study
        self._lines = PlainLines(message_console(), every=SECONDS_BETWEEN_LINES)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Print the snapshot, unless the last line is too fresh."""
        self._lines.show_snapshot(snapshot)

    def write_line(self, line: str) -> None:
        """Print the line."""
        self._lines.write_line(f"{self._study}: {line}")

    def record_event(self, event: Event) -> None:
        """Print what a person is to know."""
        if event.line:
            self.write_line(event.line)

    def __enter__(self) -> Self:
        self._lines.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._lines.__exit__(*details)
