"""The command `study` itself, and what its commands have in common."""

import logging
import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer

from study.errors import InvalidInput
from study.monitoring import suggestion
from study.monitoring.terminal import message_console

DEFAULT_STORAGE = suggestion.DEFAULT_STORAGE

app = typer.Typer(
    name="study",
    epilog="Begin with: study launch · then: study results digits · study dashboard",
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"study {version('overfit-study')}")
        raise typer.Exit


@app.callback()
def study(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Say which version this is.", callback=_say_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Hyperparameter studies that measure how much a network overfits, and why."""


def readable(name: str | None) -> str | None:
    """The name of an option or argument; None where it is not given. It may be in UTF-8 where the
    locale knows ASCII alone; other bytes of the command line are no name: InvalidInput."""
    try:
        (name or "").encode()
    except UnicodeEncodeError:
        return _in_utf8(name or "")
    return name


def _in_utf8(name: str) -> str:
    try:
        return os.fsencode(name).decode()
    except UnicodeError:
        raise InvalidInput(f"NAME: {name!r} is no text in UTF-8") from None


def all_readable(names: list[str]) -> list[str | None]:
    """The names, each as by readable()."""
    return [readable(name) for name in names]


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
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The study's name.", callback=readable)
]


def cluster_option(description: str) -> Any:
    """The option that says where segments are trained, for whoever runs or looks at that."""
    return typer.Option(
        "--cluster",
        "--ray",
        envvar=["STUDY_CLUSTER", "RAY_ADDRESS"],
        metavar="ADDRESS",
        help=description,
    )


DropOption = Annotated[
    list[str] | None,
    typer.Option(
        "--drop",
        metavar="COLUMNS",
        help="Columns of the table to leave out: a,b. Repeatable. See data.drop.",
    ),
]


def listed(given: Sequence[str] | None) -> tuple[str, ...]:
    """The names in an option such as --drop a,b --drop c; none where it is not given."""
    names = (name.strip() for columns in given or () for name in columns.split(","))
    return tuple(name for name in names if name)


LogFormatOption = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        envvar="STUDY_LOG_FORMAT",
        metavar="text|json",
        help="Write logs to stderr: a line an event, for people or for programs.",
    ),
]
LogLevelOption = Annotated[
    str,
    typer.Option(
        "--log-level",
        envvar="STUDY_LOG_LEVEL",
        metavar="debug|info|warning|error",
        help="What is worth a line of the logs.",
    ),
]

Voice = Callable[[int, str], None]


def _print(_level: int, line: str) -> None:
    message_console().print(line, soft_wrap=True)


_voices: list[Voice] = [_print]


def say(line: str, level: int = logging.INFO) -> None:
    """Write a line that is not data: to stderr, neither wrapped nor coloured, or to the logs once
    use_logs() was called."""
    _voices[-1](level, line)


def use_logs(style: str, level: str, study: str | None = None) -> None:
    """Write logs from now on, the lines of say() among them. study is the only one of this
    process, where it is known.

    Raises:
        InvalidInput: no such format or level.
    """
    from study.monitoring.logs import configure_logs, log_of

    configure_logs(style, level, study=study)
    log = log_of()
    _voices.append(log.log)
