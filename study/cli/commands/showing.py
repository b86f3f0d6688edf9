"""Commands that read what is in a database, show it, rename it or delete it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from study.cli.application import (
    DEFAULT_STORAGE,
    NameArgument,
    StorageOption,
    all_readable,
    app,
    readable,
    say,
)
from study.errors import ExitCode
from study.monitoring.terminal import print_table


@app.command("list")
def list_studies(storage: StorageOption = DEFAULT_STORAGE) -> None:
    """List the studies of a database."""
    from study.cli.studies import studies_table

    print_table(studies_table(storage))


@app.command()
def status(name: NameArgument, storage: StorageOption = DEFAULT_STORAGE) -> None:
    """Show where a study stands, who runs it, and why trials failed."""
    from study.cli.studies import status_table

    print_table(status_table(name, storage))


@app.command()
def results(
    name: NameArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    style: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="table|csv|json|parquet",
            help="How to write them. Default: as the output's name ends, else table.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write all columns to this file; .csv, .json or .parquet says how."
        ),
    ] = None,
) -> None:
    """Write a study's results, a row per trial."""
    from storage.reading.frames import load_results
    from study.cli.studies import results_table
    from study.cli.tables import FILE_FORMATS, Format, write_results
    from study.report.outputs.formats import format_of

    chosen = format_of(output, style, FILE_FORMATS, Format.TABLE)
    if chosen is Format.TABLE:
        print_table(results_table(name, storage))
    else:
        write_results(load_results(name, storage), chosen, output)


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
    from study.report.outputs.dashboard_figures import save_to_dashboard
    from study.report.writing import write_report

    written = write_report(name, storage, style, figure, output)
    if written is not None:
        say(f"report of {name!r}: {written}")
    if to_dashboard:
        saved = save_to_dashboard(name, storage)
        say(f"in the dashboard: {', '.join(saved)}")


@app.command()
def compare(
    name: NameArgument,
    others: Annotated[
        list[str],
        typer.Argument(
            metavar="A B ...",
            help="Its trials' numbers or 'best', or names of other studies.",
            callback=all_readable,
        ),
    ],
    storage: StorageOption = DEFAULT_STORAGE,
    studies: Annotated[
        bool,
        typer.Option("--studies", help="A, B, ... are studies, also where trials are called so."),
    ] = False,
) -> None:
    """Compare trials of a study, or the best trials of several, with intervals and p-values."""
    from study.cli.trials import are_trials, trial_numbers
    from study.report.comparison import compare_studies, compare_trials

    if not studies and are_trials(name, others, storage):
        table = compare_trials(name, trial_numbers(name, others, storage), storage)
    else:
        table = compare_studies([name, *others], storage)
    print_table(table)


@app.command("catalog")
def catalog_command() -> None:
    """List the built-in studies."""
    from rich.table import Table

    from study import catalog

    table = Table("name", "what it asks")
    for entry in catalog.names():
        table.add_row(entry, catalog.summary(entry))
    print_table(table)


@app.command()
def delete(
    name: NameArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a study: its trials and its results, for good."""
    from storage.database.opening import open_database
    from storage.studies.deletion import delete_study
    from storage.studies.runs import read_run

    with open_database(storage, create=False) as database:
        read_run(database, name)
        if not yes and not typer.confirm(f"Delete study {name!r} and all its results?", err=True):
            raise typer.Exit(ExitCode.FAILED)
        delete_study(database, name)
    say(f"study {name!r} is deleted")


@app.command()
def rename(
    name: NameArgument,
    new: Annotated[
        str,
        typer.Argument(metavar="NEW", help="What to call it from now on.", callback=readable),
    ],
    storage: StorageOption = DEFAULT_STORAGE,
) -> None:
    """Rename a study: its trials and its results stay as they are."""
    from storage.database.opening import open_database
    from storage.studies.deletion import rename_study
    from study.specification.names import checked_name

    new = checked_name(new, "NEW")
    with open_database(storage, create=False) as database:
        rename_study(database, name, new)
    say(f"study {name!r} is called {new!r} now")


@app.command()
def schema() -> None:
    """Print the JSON schema of specifications, for editors that check YAML against one."""
    import json
    import re

    from study.specification.spec import StudySpec

    text = json.dumps(StudySpec.model_json_schema(), indent=2)
    # An editor shows the sections' names: Data, as in the specification, not our class DataSpec.
    sys.stdout.write(re.sub(r"\b(\w+)Spec\b", r"\1", text) + "\n")
