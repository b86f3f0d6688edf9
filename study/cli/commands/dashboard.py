"""The command that serves the dashboard."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from study.cli.application import (
    DEFAULT_STORAGE,
    LogFormatOption,
    LogLevelOption,
    StorageOption,
    app,
    say,
    use_logs,
)


@app.command()
def dashboard(
    storage: StorageOption = DEFAULT_STORAGE,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65535)] = 8080,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Ask for the token that is in this file; also STUDY_DASHBOARD_TOKEN. Needed "
            "unless only this machine can reach the address.",
        ),
    ] = None,
    allow_edit: Annotated[
        bool, typer.Option("--allow-edit", help="Let studies be renamed, annotated and deleted.")
    ] = False,
    log_format: LogFormatOption = None,
    log_level: LogLevelOption = "info",
) -> None:
    """Serve the Optuna dashboard and the reports of a database; read-only unless told otherwise.

    It answers to the names of this machine and those in STUDY_DASHBOARD_HOSTS, with commas. Logs
    have a line for every change and refusal, and with --log-level debug for every request.
    """
    from study.dashboard.server import DashboardOptions, serve

    if log_format is not None:
        use_logs(log_format, log_level)

    def log_line(level: int, line: str) -> None:
        if log_format is not None or level >= logging.INFO:
            say(line, level)

    serve(DashboardOptions(storage, host, port, token_file, allow_edit, os.environ), say, log_line)
