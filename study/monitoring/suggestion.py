"""Commands that are suggested to a person, to be copied into a shell."""

import os
from collections.abc import Sequence
from shlex import quote

from study.monitoring.terminal import steers

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
        words = [verb, *options, "--", *arguments]
    else:
        words = [verb, *arguments, *options]
    return " ".join(["study", *map(_quoted, words)])


def _quoted(word: str) -> str:
    """The word for a shell; what would steer a terminal is written as bash and zsh read it."""
    if not any(map(steers, word)):
        return quote(word)
    return f"$'{''.join(map(_escaped, word))}'"


def _escaped(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is no text: see os.fsdecode
        return f"\\x{number - 0xDC00:02x}"
    if steers(character):
        return f"\\u{number:04x}"
    return f"\\{character}" if character in "\\'" else character


def _storage_option(storage: str | None) -> list[str]:
    if storage is None:
        return []
    found_without = _shown(os.environ.get("STUDY_STORAGE") or DEFAULT_STORAGE)
    shown = _shown(storage)
    return [] if shown == found_without else ["--storage", shown]


def _shown(storage: str) -> str:
    from storage.database.urls import parse_url, without_secrets
    from storage.errors import UrlRefused

    try:
        return without_secrets(parse_url(storage))
    except UrlRefused:
        return ""
