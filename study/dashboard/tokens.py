"""The dashboard's token: from a file or the environment, never from an argument."""

import os
from collections.abc import Mapping
from pathlib import Path

from study.errors import InvalidInput

VARIABLE = "STUDY_DASHBOARD_TOKEN"
FEWEST, MOST = 16, 1024
_HOW = """make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"""


def find_token(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """The token in the file, else in the environment; None: there is none.

    Raises:
        InvalidInput: it cannot be read, or is none that could protect anything. What was found is
            not repeated.
    """
    if file is not None:
        return _checked(_read(file), f"--token-file {file}")
    text = environment.get(VARIABLE)
    return None if text is None else _checked(text.strip(), VARIABLE)


def is_read_by_others(file: Path) -> bool:
    """Whether other users can read a file of ours. One that is not ours was given to us so."""
    state = file.stat()
    return state.st_uid == os.geteuid() and bool(state.st_mode & 0o044)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST + 3)
    except OSError as error:
        raise InvalidInput(f"--token-file {file}: cannot be read: {error.strerror}") from None
    return content.decode("latin-1").strip()


def _checked(token: str, where: str) -> str:
    if not token:
        raise InvalidInput(f"{where}: is empty; {_HOW}")
    if len(token) < FEWEST:
        raise InvalidInput(f"{where}: has fewer than {FEWEST} characters; {_HOW}")
    if len(token) > MOST or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidInput(
            f"{where}: a token is one word of up to {MOST} letters, digits and signs; {_HOW}"
        )
    return token
