"""The command that trains what a search found on fresh replicates."""

from typing import Annotated

import typer

from study.cli.application import (
    DEFAULT_STORAGE,
    NameArgument,
    StorageOption,
    app,
    cluster_option,
    say,
)
from study.cli.trials import trial_numbers
from study.errors import ExitCode, StudyFailed
from study.launching.signals import exiting_in_time
from study.monitoring.suggestion import command


@app.command()
def confirm(
    name: NameArgument,
    trials: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TRIAL ...]", help="Their numbers, or 'best'.", show_default=False),
    ] = None,
    replicates: Annotated[
        int, typer.Option(metavar="N", help="On how many fresh replicates each; 10 or more.")
    ] = 10,
    storage: StorageOption = DEFAULT_STORAGE,
    cluster: Annotated[
        str | None, cluster_option("Where they are trained, as for study launch.")
    ] = None,
) -> None:
    """Train trials of a study that has ended on seeds and splits that chose nothing.

    Without TRIAL: the best three, and the baseline. The winner of a search had lucky seeds; how
    good its configuration is, fresh ones say. What is trained is kept, so that a confirmation that
    was stopped goes on when it is begun again.
    """
    from study.cli.confirmed import print_confirmed
    from study.launching.confirming import confirm as confirm_trials
    from study.monitoring.console import progress_for_people

    numbers = trial_numbers(name, trials or (), storage)
    with exiting_in_time(), progress_for_people() as progress:
        outcome = confirm_trials(
            name,
            numbers,
            replicates=replicates,
            storage=storage,
            cluster=cluster,
            progress=progress,
        )
    if outcome.ending is None:
        say(f"study {name!r}: they were confirmed before; nothing to do")
    print_confirmed(name, storage, outcome.trials)
    if outcome.ending is not None and outcome.ending.reason is not None:
        raise StudyFailed(f"study {name!r}: {outcome.ending.reason}")
    if outcome.ending is not None and outcome.ending.stopped:
        say("it was stopped; to go on: confirm again with the same options")
        raise typer.Exit(ExitCode.INTERRUPTED)
    say(f"report:       {command('report', name, storage=storage)}")
