"""The command `study` itself, and what its commands have in common."""

from typing import Annotated

import typer
from rich.console import Console

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


def say(line: str) -> None:
    """Tell the user something that is not data: on stderr, never wrapped or coloured."""
    Console(stderr=True).print(line, markup=False, highlight=False, soft_wrap=True)
