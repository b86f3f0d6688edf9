"""Where text leaves for a terminal, a pipe or a file: the one door that it goes through.

Names, categories, errors and paths come from outside. What looks like markup in them is none, what
would steer the terminal is shown instead, and what stdout cannot encode is replaced.
"""

import codecs
import io
import os
import sys
import unicodedata
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

WIDTH_OF_PIPES = 240
WIDEST = 10_000

# Direction of writing: an override that a name begins would turn the rest of its line round.
_DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_PLAIN = {"–": "-", "—": "-", "−": "-", "·": "-", "…": "...", "×": "x", "→": "->"}
_PLAIN |= {"≥": ">=", "≤": "<=", "“": '"', "”": '"', "‘": "'", "’": "'"}
_SUBSTITUTE = "study.substitute"


class PlainConsole(Console):
    """A console that takes text as it is: no markup, no emoji, no colours of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """The text with everything in it to be seen."""
        return super().render_str(visible(text), **options)

    def on_broken_pipe(self) -> None:
        """Leave it to the command line what follows when nobody reads any more."""
        raise BrokenPipeError


def data_console() -> PlainConsole:
    """stdout for data: as wide as it must be where it is not a terminal."""
    return PlainConsole(width=None if sys.stdout.isatty() else WIDTH_OF_PIPES)


def message_console() -> PlainConsole:
    """stderr, for everything that is not data."""
    return PlainConsole(stderr=True)


def print_table(table: Table) -> None:
    """Write the table to stdout with nothing cut off: words are folded where the terminal is too
    narrow, and columns of a least width make lines that are longer than it."""
    console = data_console()
    least = _measured(table).minimum if sys.stdout.isatty() else natural_width(table)
    console.width = max(console.width, least)
    for column in table.columns:
        column.overflow = "fold"
    title, caption, table.title, table.caption = table.title, table.caption, None, None
    # Apart from the table: inside it they would be wrapped at its width.
    if title:
        console.print(title, style="table.title", soft_wrap=True)
    console.print(table)
    if caption:
        console.print(caption, style="table.caption", soft_wrap=True)


def natural_width(table: Table) -> int:
    """How wide the table is with every cell on one line."""
    return _measured(table).maximum


def _measured(table: Table) -> Measurement:
    return PlainConsole(width=WIDEST).measure(table)


def visible(text: str) -> str:
    """The text with an escape in place of every character that would steer what shows it."""
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode() if steers(character) else character
        for character in text
    )


def steers(character: str) -> bool:
    """Whether a terminal would obey the character instead of showing it."""
    if character in "\n\t":
        return False
    hidden = unicodedata.category(character) in _HIDDEN
    return hidden or unicodedata.bidirectional(character) in _DIRECTIONS


def write_every_character() -> None:
    """From now on stdout and stderr take every text: a character that their encoding lacks becomes
    a plain one that means the same, or an escape. A stream that was closed takes everything, too.
    """
    codecs.register_error(_SUBSTITUTE, _substituted)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.devnull, "w"), encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_SUBSTITUTE)


def _substituted(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    found = (_PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing)
    return "".join(found), error.end
