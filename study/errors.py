"""What can go wrong, as one line for a person and one exit code for a script.

StudyError
├── InvalidInput        the user can mend it: nothing was written      exit 2
├── StudyBusy           another coordinator holds the study's lease    exit 3
└── StudyFailed         the study could not go on                      exit 1
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the command `study`."""

    OK = 0
    FAILED = 1
    INVALID_INPUT = 2
    BUSY = 3
    INTERRUPTED = 130


class StudyError(Exception):
    """Base of the errors that reach a user as one line; str() is that line."""

    exit_code = ExitCode.FAILED


class InvalidInput(StudyError):
    """What the user gave is wrong; the line names what was found and what would be right."""

    exit_code = ExitCode.INVALID_INPUT


class StudyBusy(StudyError):
    """Another coordinator is running this study."""

    exit_code = ExitCode.BUSY


class StudyFailed(StudyError):
    """The study ended without what was asked of it."""


def nearest(word: str, known: list[str]) -> str:
    """A hint like "; did you mean 'depth'?", or "" where nothing known is close to word."""
    from difflib import get_close_matches

    matches = get_close_matches(word, known, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
