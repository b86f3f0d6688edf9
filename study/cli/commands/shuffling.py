"""The command that trains a trial on shuffled labels, as a control."""

import logging
from typing import Annotated

import typer

from study.cli.application import DEFAULT_STORAGE, NameArgument, StorageOption, app, say
from study.cli.trials import trial_numbers


@app.command()
def control(
    name: NameArgument,
    trial: Annotated[
        str | None,
        typer.Argument(metavar="[TRIAL]", help="The trial's number. Default: the best."),
    ] = None,
    storage: StorageOption = DEFAULT_STORAGE,
) -> None:
    """Train a trial on shuffled training labels: what it learns by heart.

    Warns if it is better than chance on test: then test labels may reach the networks otherwise
    than by the training labels. Copies of test rows and features made from the label are not found
    so.
    """
    from study.launching.control import control as train_on_shuffled_labels
    from study.launching.control import sentences

    number = None if trial is None else trial_numbers(name, [trial], storage)[0]
    found = train_on_shuffled_labels(name, storage, trial=number)
    learned, guessed = sentences(found)
    say(learned)
    say(guessed, logging.WARNING if found.beats_chance else logging.INFO)
