"""What confirmations say, on the terminal."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from rich.table import Table

from study.monitoring.terminal import data_console, print_table

if TYPE_CHECKING:
    from study.analysis.confirmation import ConfirmedTrial


def print_confirmed(study: str, storage: str, trials: Collection[int] | None = None) -> None:
    """Write the table of these confirmed trials (None: all of them) and a sentence on the best of
    them to stdout; nothing where there are none."""
    from study.analysis.confirmation import confirmed_trials
    from study.analysis.measurements import load_measurements
    from study.report.sentences.confirmation import headline

    found = confirmed_trials(load_measurements(study, storage))
    shown = [own for own in found if trials is None or own.trial in trials]
    if not shown:
        return
    print_table(confirmed_table(shown))
    data_console().print(headline(shown[0]), soft_wrap=True)


def confirmed_table(trials: "list[ConfirmedTrial]") -> Table:
    """A row per trial: its test accuracy on fresh replicates, and what the search said of it."""
    replicates = " or ".join(sorted({str(own.replicates) for own in trials}))
    table = Table(
        title=f"Test accuracy on {replicates} fresh replicates (95 % interval)",
        title_justify="left",
    )
    table.add_column("trial", justify="right")
    for heading in ("confirmed", "one next network", "failed seeds", "gap", "the search said"):
        table.add_column(heading)
    for own in trials:
        table.add_row(
            str(own.trial),
            f"{own.test_accuracy:.3f} ({own.test_low:.3f} to {own.test_high:.3f})",
            f"{own.next_low:.3f} to {own.next_high:.3f}" + (" (seen)" if own.observed else ""),
            f"{own.failed} of {own.replicates}",
            f"{own.generalization_gap:+.3f} ({own.gap_low:+.3f} to {own.gap_high:+.3f})",
            f"{own.search_test_accuracy:.3f} on {own.search_replicates}",
        )
    return table
