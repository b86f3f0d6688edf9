"""Commands that run a study, stop one, or train one of its trials again."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from study.cli.application import (
    DEFAULT_STORAGE,
    LogFormatOption,
    LogLevelOption,
    NameArgument,
    StorageOption,
    app,
    say,
    use_logs,
)
from study.errors import ExitCode

if TYPE_CHECKING:
    from study.launching import StudyOutcome
    from study.progress import Progress
    from study.spec import StudySpec

# A finished study of so many trials gets its main pictures in the dashboard.
FEWEST_TRIALS_TO_DRAW = 10


@app.command()
def launch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="[SPEC.yaml|NAME]", help="A specification, or a built-in study by name."
        ),
    ] = "digits",
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Call the study this instead.")
    ] = None,
    storage: StorageOption = DEFAULT_STORAGE,
    trials: Annotated[
        int | None,
        typer.Option(metavar="N", help="Total number of trials, over all launches.", min=1),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            envvar="RAY_ADDRESS",
            metavar="ADDRESS",
            help="A running Ray cluster, or 'serial' to train in this process. "
            "Default: a cluster of this machine's cores.",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Change a field of the specification, such as search.depth=[1,2,3]. Repeatable.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="The seed that all random numbers follow from.")
    ] = None,
    log_format: LogFormatOption = None,
    log_level: LogLevelOption = "info",
) -> None:
    """Run a study, or go on with one, until its budget is reached.

    Ctrl-C stops it; launching it again goes on where it stopped.
    """
    from study.launching import launch as run_study
    from study.progress import progress_on
    from study.specfile import read_specification

    if log_format is not None:
        use_logs(log_format, log_level)
    changed = list(overrides or ())
    if trials is not None:
        changed.append(f"budget.trials={trials}")
    spec = read_specification(source, name=name, seed=seed, overrides=changed)
    console = Console(stderr=True)
    with _logs_of(spec) if log_format is not None else progress_on(console) as progress:
        outcome = run_study(spec, storage=storage, ray=ray, progress=progress)
    _say_how_it_ended(spec, outcome, console)


def _logs_of(spec: "StudySpec") -> "Progress":
    from study.monitoring.logs import StudyLog

    return StudyLog(spec.name)


def _say_how_it_ended(spec: "StudySpec", outcome: "StudyOutcome", console: Console) -> None:
    from study.coordinator import Ending
    from study.tables import as_table, best_trials, data_console, varying_hyperparameters

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
        stdout.print(as_table(best, title, varying=varying, width=stdout.width))
    option = "" if outcome.storage == DEFAULT_STORAGE else f" --storage {outcome.storage}"
    if outcome.ending is Ending.STOPPED:
        say("to go on:     launch it again with the same options")
    elif outcome.ending is not None and outcome.complete >= FEWEST_TRIALS_TO_DRAW:
        from study.report.boards import save_to_dashboard

        save_to_dashboard(spec.name, outcome.storage_url)
    say(f"report:       study report {spec.name}{option}")
    say(f"all results:  study results {spec.name}{option}")
    say(f"dashboard:    study dashboard{option}")
    if outcome.ending is Ending.STOPPED:
        raise typer.Exit(ExitCode.INTERRUPTED)


@app.command()
def stop(
    name: NameArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for it.")] = 60.0,
) -> None:
    """Stop a study that runs elsewhere; its running trials wait for the next launch."""
    from study.stopping import stop_study

    say(stop_study(name, storage, timeout=wait))


@app.command()
def replay(
    name: NameArgument,
    trial: Annotated[int, typer.Argument(metavar="TRIAL", help="The trial's number.", min=0)],
    storage: StorageOption = DEFAULT_STORAGE,
) -> None:
    """Train one trial again, alone, and compare every number with the recorded ones.

    Exit code 1 and a table of differences if any number differs.
    """
    from study.replaying import replay as replay_trial
    from study.tables import data_console, differences_table

    replayed = replay_trial(name, trial, storage)
    how = "bit for bit" if replayed.exact else f"within {replayed.tolerance:g}, as the trial was "
    how += "" if replayed.exact else "recorded in another environment"
    if replayed.differences:
        data_console().print(differences_table(replayed))
    verdict = f"{len(replayed.differences)} of {replayed.compared} numbers differ"
    say(f"trial {trial} of study {name!r}: {verdict}, compared {how}")
    if replayed.differences:
        raise typer.Exit(ExitCode.FAILED)
