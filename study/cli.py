"""The command `study`. Data go to stdout, everything else to stderr; see study.errors for codes."""

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from study.errors import ExitCode, InvalidInput, StudyError

if TYPE_CHECKING:
    from study.launching import StudyOutcome
    from study.spec import StudySpec

DEFAULT_STORAGE = "sqlite:///study.db"

app = typer.Typer(
    name="study",
    help="Hyperparameter studies that measure how much a network overfits, and why.",
    epilog="Begin with: study launch · then: study results digits · study dashboard",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

StorageOption = Annotated[
    str,
    typer.Option(
        "--storage",
        envvar="STUDY_STORAGE",
        metavar="URL",
        help="Where studies are kept: sqlite:///FILE or postgresql://USER@HOST/NAME.",
        show_default=True,
    ),
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The study's name.")]


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
) -> None:
    """Run a study, or go on with one, until its budget is reached.

    Ctrl-C stops it; launching it again goes on where it stopped.
    """
    from study.launching import launch as run_study
    from study.progress import progress_on
    from study.specfile import read_specification

    changed = list(overrides or ())
    if trials is not None:
        changed.append(f"budget.trials={trials}")
    spec = read_specification(source, name=name, seed=seed, overrides=changed)
    console = Console(stderr=True)
    with progress_on(console) as progress:
        outcome = run_study(spec, storage=storage, ray=ray, progress=progress)
    _say_how_it_ended(spec, outcome, console)


def _say_how_it_ended(spec: "StudySpec", outcome: "StudyOutcome", console: Console) -> None:
    from study.coordinator import Ending
    from study.tables import as_table, best_trials, data_console, varying_hyperparameters

    if outcome.ending is None:
        _say(console, f"study {spec.name!r}: the budget was reached before; nothing to do")
    else:
        _say(console, f"study {spec.name!r}: {outcome.ending.value}")
    results = outcome.results()
    if outcome.complete:
        best = best_trials(results, spec)
        title = f"Best of {outcome.complete} trials by {spec.objective[0].value}"
        varying = varying_hyperparameters(results)
        stdout = data_console()
        stdout.print(as_table(best, title, varying=varying, width=stdout.width))
    option = "" if outcome.storage == DEFAULT_STORAGE else f" --storage {outcome.storage}"
    if outcome.ending is Ending.STOPPED:
        _say(console, "to go on:     launch it again with the same options")
    _say(console, f"all results:  study results {spec.name}{option}")
    _say(console, f"dashboard:    study dashboard{option}")
    if outcome.ending is Ending.STOPPED:
        raise typer.Exit(ExitCode.INTERRUPTED)


@app.command("list")
def list_studies(storage: StorageOption = DEFAULT_STORAGE) -> None:
    """List the studies of a database."""
    from study.reading import studies_table
    from study.tables import data_console

    data_console().print(studies_table(storage))


@app.command()
def status(name: NameArgument, storage: StorageOption = DEFAULT_STORAGE) -> None:
    """Show where a study stands, who runs it, and why trials failed."""
    from study.reading import status_table
    from study.tables import data_console

    data_console().print(status_table(name, storage))


@app.command()
def results(
    name: NameArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    style: Annotated[
        str, typer.Option("--format", metavar="table|csv|json|parquet", help="How to write them.")
    ] = "table",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to this file, not to stdout.")
    ] = None,
) -> None:
    """Write a study's results, a row per trial."""
    from storage.reading import load_results
    from study.tables import Format, write_results

    if style not in list(Format):
        raise InvalidInput(f"--format: found {style!r}; give one of {', '.join(Format)}")
    write_results(load_results(name, storage), Format(style), output)


@app.command()
def stop(
    name: NameArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for it.")] = 60.0,
) -> None:
    """Stop a study that runs elsewhere; its running trials wait for the next launch."""
    from study.stopping import stop_study

    _say(Console(stderr=True), stop_study(name, storage, timeout=wait))


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
    _say(Console(stderr=True), f"trial {trial} of study {name!r}: {verdict}, compared {how}")
    if replayed.differences:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def report(
    name: NameArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write to this file; .html, .md or .png says how."),
    ] = None,
    style: Annotated[
        str | None, typer.Option("--format", metavar="html|md|png", help="How to write it.")
    ] = None,
    figure: Annotated[
        str | None, typer.Option(metavar="NAME", help="One picture alone, such as effects.")
    ] = None,
    to_dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Save the main pictures to the dashboard as well.")
    ] = False,
) -> None:
    """Say how much a study's networks overfit, and why: a page that needs no network."""
    from study.report.boards import save_to_dashboard
    from study.report.writing import write_report

    console = Console(stderr=True)
    written = write_report(name, storage, style, figure, output)
    if written is not None:
        _say(console, f"report of {name!r}: {written}")
    if to_dashboard:
        saved = save_to_dashboard(name, storage)
        _say(console, f"in the dashboard: {', '.join(saved)}")


@app.command()
def compare(
    name: NameArgument,
    others: Annotated[
        list[str],
        typer.Argument(metavar="A B ...", help="Its trials' numbers, or names of other studies."),
    ],
    storage: StorageOption = DEFAULT_STORAGE,
) -> None:
    """Compare trials of a study, or the best trials of several, with intervals and p-values."""
    from study.report.comparing import compare as compare_sides
    from study.tables import data_console

    data_console().print(compare_sides(name, others, storage))


@app.command()
def dashboard(
    storage: StorageOption = DEFAULT_STORAGE,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65535)] = 8080,
) -> None:
    """Serve the Optuna dashboard on a study's database.

    It has no authentication: whoever reaches it can rename and delete studies.
    """
    from study.dashboard import serve

    serve(storage, host, port)


@app.command("catalog")
def catalog_command() -> None:
    """List the built-in studies."""
    from rich.table import Table

    from study import catalog
    from study.tables import data_console

    table = Table("name", "what it asks")
    for entry in catalog.names():
        table.add_row(entry, catalog.summary(entry))
    data_console().print(table)


@app.command()
def delete(
    name: NameArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a study: its trials and its results, for good."""
    from storage.deleting import delete_study
    from storage.engine import open_database
    from storage.runs import read_run

    with open_database(storage, create=False) as database:
        read_run(database, name)
        if not yes and not typer.confirm(f"Delete study {name!r} and all its results?", err=True):
            raise typer.Exit(ExitCode.FAILED)
        delete_study(database, name)
    _say(Console(stderr=True), f"study {name!r} is deleted")


@app.command()
def schema() -> None:
    """Print the JSON schema of specifications, for editors that check YAML against one."""
    import json

    from study.spec import StudySpec

    sys.stdout.write(json.dumps(StudySpec.model_json_schema(), indent=2) + "\n")


def main() -> NoReturn:
    """Run the command line; every error that a user can cause becomes one line and a code."""
    # Until a study runs and stops by itself, SIGTERM ends like Ctrl-C: with its exit code.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = app(args=sys.argv[1:] or ["--help"], standalone_mode=False)
    except typer.TyperException as error:
        _fail(error.format_message(), ExitCode.INVALID_INPUT)
    except (typer.Abort, KeyboardInterrupt):
        _fail("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:  # the reader of stdout, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    except StudyError as error:
        _fail(str(error), error.exit_code)
    except Exception as error:
        known = _storage_error_code(error)
        if known is None:
            raise
        _fail(str(error), known)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


def _storage_error_code(error: Exception) -> ExitCode | None:
    """The exit code of an error of storage; None for a defect of ours, which keeps its trace."""
    from storage import errors

    if not isinstance(error, errors.StorageError):
        return None
    mendable = (
        errors.UrlRefused,
        errors.DatabaseMissing,
        errors.NetworkFileSystem,
        errors.DatabaseUnreachable,
        errors.DatabaseNotWritable,
        errors.DatabaseDamaged,
        errors.SchemaUnknown,
        errors.StudyNotFound,
        errors.StudyWithoutRun,
        errors.StudyExists,
        errors.TrialNotFound,
    )
    if isinstance(error, errors.LeaseHeld):
        return ExitCode.BUSY
    return ExitCode.INVALID_INPUT if isinstance(error, mendable) else ExitCode.FAILED


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _fail(line: str, code: ExitCode) -> NoReturn:
    _say(Console(stderr=True), f"study: {line}")
    sys.exit(code)
