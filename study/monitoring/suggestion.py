"""Commands that are suggested to a person, to be copied into a shell."""

import os
from collections.abc import Sequence
from shlex import join

from storage.database.urls import parse_url, without_secrets
from storage.errors import UrlRefused

DEFAULT_STORAGE = "sqlite:///study.db"


def command(
    verb: str, *arguments: str, storage: str | None = None, options: Sequence[str] = ()
) -> str:
    """`study verb` with its arguments and options, quoted for a shell.

    storage is named where the command would not find it by itself; None: the command takes none. A
    password in its URL is shown as it would be typed: never.
    """
    options = [*options, *_storage_option(storage)]
    if any(argument.startswith("-") for argument in arguments):
        return join(["study", verb, *options, "--", *arguments])
    return join(["study", verb, *arguments, *options])


def _storage_option(storage: str | None) -> list[str]:
    if storage is None:
        return []
    found_without = _shown(os.environ.get("STUDY_STORAGE") or DEFAULT_STORAGE)
    shown = _shown(storage)
    return [] if shown == found_without else ["--storage", shown]


def _shown(storage: str) -> str:
    try:
        return without_secrets(parse_url(storage))
    except UrlRefused:
        return ""
