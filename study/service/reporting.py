"""Where a service's studies say how they go: the one place that composes it."""

from typing import Self

from rich.console import Console

from study.events import Event
from study.progress import PlainLines, Progress, Snapshot
from study.service.instructions import Instructions

SECONDS_BETWEEN_LINES = 30.0


def progress_of(instructions: Instructions) -> Progress:
    """How the process of one study tells of it: on stderr, which is the service's, as lines for a
    person or, with a log format, as logs."""
    study, options = instructions.lease.study, instructions.options
    if options.log_format is None:
        return NamedLines(study)
    from study.monitoring.logs import StudyLog, configure_logs

    configure_logs(options.log_format, options.log_level)
    return StudyLog(study)


class NamedLines:
    """Plain lines that begin with the study's name: several studies share one stderr."""

    def __init__(self, study: str) -> None:
        self._study = study
        self._lines = PlainLines(Console(stderr=True), every=SECONDS_BETWEEN_LINES)

    def show(self, snapshot: Snapshot) -> None:
        """Print the snapshot, unless the last line is too fresh."""
        self._lines.show(snapshot)

    def note(self, line: str) -> None:
        """Print the line."""
        self._lines.note(f"{self._study}: {line}")

    def tell(self, event: Event) -> None:
        """Print what a person is to know."""
        if event.shown and event.line:
            self.note(event.line)

    def __enter__(self) -> Self:
        self._lines.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._lines.__exit__(*details)
