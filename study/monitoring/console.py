"""What a person sees while a study runs: a live panel, or plain lines where there is no terminal.

Everything here goes to stderr; stdout is for data.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from study.monitoring.event import Event
from study.monitoring.progress import NoProgress, Progress, Snapshot
from study.monitoring.terminal import PlainConsole, message_console, visible


def progress_for_people() -> Progress:
    """The live panel on a terminal, else plain lines."""
    console = message_console()
    return LivePanel(console) if console.is_terminal else PlainLines(console)


@contextmanager
def showing(choice: Progress | bool | None) -> Iterator[Progress]:
    """The display that a caller has chosen: one of its own, which it enters and leaves itself, or
    whether there is one on stderr; None: where stderr is a terminal.

    Raises TypeError for anything else.
    """
    if not isinstance(choice, bool | None):
        if not hasattr(choice, "record_event"):
            raise TypeError(f"progress: found a {type(choice).__name__}; give True, False or None")
        yield choice
        return
    wanted = choice if choice is not None else bool(sys.stderr and sys.stderr.isatty())
    with progress_for_people() if wanted else NoProgress() as shown:
        yield shown


class PlainLines:
    """A line every few seconds, and one whenever asked."""

    def __init__(self, console: PlainConsole, *, every: float = 5.0) -> None:
        self._console = console
        self._every = every
        self._shown_at = -every
        self._last: Snapshot | None = None

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Print the snapshot, unless the last line is too fresh."""
        self._last = snapshot
        now = time.monotonic()
        if now - self._shown_at >= self._every:
            self._shown_at = now
            self.write_line(describe(snapshot))

    def write_line(self, line: str) -> None:
        """Print the line."""
        self._console.print(line, soft_wrap=True)

    def record_event(self, event: Event) -> None:
        """Print what a person is to know."""
        if event.line:
            self.write_line(event.line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._last is not None:
            self.write_line(describe(self._last))


class LivePanel:
    """A small panel that is redrawn in place from the first snapshot on; notes scroll above it."""

    def __init__(self, console: PlainConsole) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=8)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Redraw the panel."""
        self._live.update(panel(snapshot))
        self._live.start()

    def write_line(self, line: str) -> None:
        """Print the line above the panel."""
        self._console.print(line, soft_wrap=True)

    def record_event(self, event: Event) -> None:
        """Print above the panel what a person is to know."""
        if event.line:
            self.write_line(event.line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def panel(snapshot: Snapshot) -> Group:
    """The snapshot as two lines of figures under a bar."""
    head = Table.grid(padding=(0, 2))
    ended = snapshot.complete + snapshot.pruned + snapshot.failed
    bar = ProgressBar(total=snapshot.total, completed=ended, width=32)
    head.add_row(Text(visible(snapshot.study), style="bold"), bar, Text(_counts(snapshot)))
    body = Table.grid(padding=(0, 2))
    body.add_row(Text(_pace(snapshot), style="dim"), Text(_best(snapshot), style="green"))
    lines = [head, body]
    if snapshot.message:
        lines.append(Table.grid())
        lines[-1].add_row(Text(visible(snapshot.message), style="yellow"))
    return Group(*lines)


def describe(snapshot: Snapshot) -> str:
    """The snapshot as one line of text."""
    parts = [_counts(snapshot), _best(snapshot), _pace(snapshot), snapshot.message]
    return f"{snapshot.study}: " + "; ".join(part for part in parts if part)


def _counts(snapshot: Snapshot) -> str:
    total = "" if snapshot.total is None else f"/{snapshot.total}"
    done = snapshot.complete + snapshot.pruned
    pruned = f" ({snapshot.pruned} pruned)" if snapshot.pruned else ""
    failed = f", {snapshot.failed} failed" if snapshot.failed else ""
    return f"{done}{total} trials done{pruned}, {snapshot.running} running{failed}"


def _best(snapshot: Snapshot) -> str:
    best = snapshot.best
    if best is None:
        return ""
    figures = (_figure(name, value) for name, value in best.figures.items())
    return f"best: {', '.join([f'trial {best.trial}', *figures])}"


def _figure(name: str, value: float) -> str:
    """A figure in few words: an accuracy by the side that it was measured on."""
    words = name.removesuffix("_accuracy").removeprefix("generalization_").replace("_", " ")
    if name == "parameters":
        return f"{words} {value:.0f}"
    return f"{words} {value:+.3f}" if name.endswith("_gap") else f"{words} {value:.3f}"


def _pace(snapshot: Snapshot) -> str:
    if not snapshot.trials_per_second:
        return ""
    left = "" if snapshot.seconds_left is None else f", {duration(snapshot.seconds_left)} left"
    return f"{snapshot.trials_per_second:.2g} trials/s{left}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: 8 s, 3 min 05 s, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
