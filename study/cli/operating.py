"""Commands for whoever keeps studies running."""

import sys
from typing import Annotated

import typer

from study.cli.application import DEFAULT_STORAGE, StorageOption, app
from study.errors import ExitCode, InvalidInput


@app.command()
def doctor(
    storage: StorageOption = DEFAULT_STORAGE,
    ray: Annotated[
        str | None,
        typer.Option(
            envvar="RAY_ADDRESS",
            metavar="ADDRESS",
            help="A running Ray cluster, or 'serial' to leave Ray out. "
            "Default: a cluster of this machine's cores, started for the check.",
        ),
    ] = None,
    style: Annotated[
        str, typer.Option("--format", metavar="table|json", help="How to write the checks.")
    ] = "table",
) -> None:
    """Check the database, the cluster and this machine, and say what to do about what is wrong.

    Nothing is written. Exit code 1 if a check failed; warnings do not count.
    """
    from study.doctor.examining import examine
    from study.doctor.showing import as_json, as_table, is_healthy
    from study.tables import data_console

    if style not in ("table", "json"):
        raise InvalidInput(f"--format: found {style!r}; give one of table, json")
    checks = examine(storage, ray)
    if style == "json":
        sys.stdout.write(as_json(checks))
    else:
        data_console().print(as_table(checks))
    if not is_healthy(checks):
        raise typer.Exit(ExitCode.FAILED)
