"""How one study goes, as whoever runs it reports it: to a person, a log, metrics, another process.

study.monitoring.console shows it to a person, logs and metrics keep it, channel sends it on.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol, Self

from study.monitoring.event import Event


@dataclass(frozen=True, slots=True)
class BestTrial:
    """The best trial so far by the (first) objective, and the figures that are shown of it."""

    trial: int
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a study stands. total None: bounded by time alone; seconds_left None: not known."""

    study: str
    complete: int
    pruned: int
    failed: int
    running: int
    total: int | None
    best: BestTrial | None
    trials_per_second: float
    seconds_left: float | None
    message: str = ""


class Progress(Protocol):
    """Takes how one study goes. record_event() is called from any thread."""

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show where the study stands now."""

    def write_line(self, line: str) -> None:
        """Write what is said once, and is no event."""

    def record_event(self, event: Event) -> None:
        """Show, log, count or send on what happened, each as it does."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class NoProgress:
    """Shows nothing: for a launch from Python."""

    def show_snapshot(self, snapshot: Snapshot) -> None: ...

    def write_line(self, line: str) -> None: ...

    def record_event(self, event: Event) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


class CombinedProgress:
    """Passes everything on to several others, in their order."""

    def __init__(self, parts: Sequence[Progress]) -> None:
        self._parts = tuple(parts)
        self._entered = ExitStack()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        for part in self._parts:
            part.show_snapshot(snapshot)

    def write_line(self, line: str) -> None:
        for part in self._parts:
            part.write_line(line)

    def record_event(self, event: Event) -> None:
        for part in self._parts:
            part.record_event(event)

    def __enter__(self) -> Self:
        for part in self._parts:
            self._entered.enter_context(part)
        return self

    def __exit__(self, *_: object) -> None:
        self._entered.close()
