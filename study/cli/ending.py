"""What is shown when a study has ended, here or elsewhere."""

from typing import TYPE_CHECKING

import typer

from study.cli.application import say
from study.errors import ExitCode
from study.monitoring.suggestion import command
from study.monitoring.terminal import data_console, print_table

if TYPE_CHECKING:
    from study.launching.outcome import StudyOutcome
    from study.specification.spec import StudySpec


def say_how_it_ended(spec: "StudySpec", outcome: "StudyOutcome", *, detached: bool = False) -> None:
    """The best trials and the verdicts on its claims on stdout, and on stderr why it ended and what
    to do next; detached: it was a service's to run.

    Raises:
        typer.Exit: it was stopped, which has an exit code of its own, or all networks diverged.
    """
    from study.analysis.trials import best_trials, varying_hyperparameters
    from study.cli.tables import as_table
    from study.coordinator.coordinator import Ending

    if outcome.ending is None:
        say(f"study {spec.name!r}: the budget was reached before; nothing to do")
    else:
        say(f"study {spec.name!r}: {outcome.ending.value}")
    results = outcome.results()
    if outcome.complete:
        best = best_trials(results, spec)
        title = f"Best of {outcome.complete} trials by {spec.objective[0].value}"
        varying = varying_hyperparameters(results)
        stdout = data_console()
        print_table(
            as_table(
                best,
                title,
                objectives=spec.objective,
                varying=varying,
                search=spec.search.model_dump(),
                width=stdout.width,
            )
        )
        if outcome.constant_accuracy is not None:
            stdout.print(
                f"always saying the most frequent class: test {outcome.constant_accuracy:.3f}"
            )
        if spec.claims and outcome.ending is not Ending.STOPPED:
            _show_verdicts(spec, outcome.storage_url)
    if spec.confirm is not None and outcome.complete:
        from study.cli.confirmed import print_confirmed

        print_confirmed(spec.name, outcome.storage_url)
    storage = outcome.storage_url
    if outcome.ending is Ending.STOPPED:
        again = command("resume", spec.name, storage=storage, options=["--detach"])
        say(f"to go on:     {again if detached else 'launch it again with the same options'}")
    if outcome.complete:
        say(f"report:       {command('report', spec.name, storage=storage)}")
    say(f"all results:  {command('results', spec.name, storage=storage)}")
    say(f"dashboard:    {command('dashboard', storage=storage)}")
    if outcome.ending is Ending.STOPPED:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if outcome.all_diverged:
        say(
            f"study {spec.name!r}: all networks of every trial diverged, so nothing was learned; "
            "try smaller learning rates"
        )
        raise typer.Exit(ExitCode.FAILED)


def _show_verdicts(spec: "StudySpec", storage: str) -> None:
    """What the study says about its claims: too early to say of one that was stopped."""
    from study.analysis import load_measurements, verdicts
    from study.cli.tables import verdicts_table

    table = verdicts(load_measurements(spec.name, storage), spec.claims)
    print_table(verdicts_table(table))
