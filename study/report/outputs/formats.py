"""Which format a file is written in: the one that its ending names."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from study.errors import InvalidInput

NEUTRAL = ("", "txt")
"""Endings that name no format, as of a device: what was asked for is written."""

Format = TypeVar("Format", bound=StrEnum)


def format_of(
    output: Path | None, style: str | None, files: Sequence[Format], default: Format
) -> Format:
    """What to write to output: the format called style, None being the one that the file's ending
    names. default is for no output; it need not be one of those that files are written in.

    Raises:
        InvalidInput: an ending or a style that no format has, or the two contradict each other.
    """
    formats = dict.fromkeys((default, *files))
    chosen = next((one for one in formats if one == style), None)
    if style is not None and chosen is None:
        raise InvalidInput(f"--format: found {style!r}; give one of {', '.join(formats)}")
    if output is None:
        return chosen or default
    endings = ", ".join(f".{one}" for one in files)
    if chosen is not None and chosen not in files:
        raise InvalidInput(
            f"--output {output}: --format {chosen} is for the terminal; files that can be written: "
            f"{endings}"
        )
    ending = output.suffix.lower().removeprefix(".")
    if ending in NEUTRAL and chosen is not None:
        return chosen
    named = next((one for one in files if one == ending), None)
    if named is None:
        found = f"found the ending {output.suffix!r}" if ending else "its name has no ending"
        raise InvalidInput(f"--output {output}: {found}; files that can be written: {endings}")
    if chosen not in (None, named):
        raise InvalidInput(
            f"--output {output}: its ending says {named.value} and --format says {style}; "
            "leave --format out, or rename the file"
        )
    return named
