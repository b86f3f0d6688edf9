"""The command `study`. Data go to stdout, everything else to stderr; see study.errors for codes."""

import errno
import logging
import os
import sys
from contextlib import suppress
from importlib import import_module
from pkgutil import iter_modules
from typing import NoReturn

import typer

from study.cli import commands
from study.cli.application import app, say
from study.errors import ExitCode, StudyError
from study.launching.signals import interrupting_on_signals
from study.monitoring.terminal import write_every_character

INTERRUPTED = "interrupted"
# What whoever writes is told where stdout, or another file, takes nothing more.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

__all__ = ["app", "main"]

# In the order of the modules' names, which is the order of `study --help`.
for _command in iter_modules(commands.__path__):
    import_module(f"{commands.__name__}.{_command.name}")


def main() -> NoReturn:
    """Run the command line; every error that a user can cause becomes one line and a code."""
    write_every_character()
    interrupts = interrupting_on_signals()
    try:
        code = app(args=sys.argv[1:] or ["--help"], standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        _fail(error.format_message(), ExitCode.INVALID_INPUT)
    except (typer.Abort, KeyboardInterrupt):
        _fail(INTERRUPTED, ExitCode.INTERRUPTED)
    except (BrokenPipeError, SystemExit) as error:
        # The reader of stdout, such as `head`, has seen enough: typer may have made an exit of it.
        if not any(isinstance(one, BrokenPipeError) for one in (error, error.__context__)):
            raise
        _leave_stdout()
        sys.exit(ExitCode.OK)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        _leave_stdout()
        _fail(f"the output cannot be written: {error.strerror}", ExitCode.FAILED)
    except StudyError as error:
        _fail(str(error), error.exit_code)
    except Exception as error:
        known = _storage_error_code(error)
        if known is None:
            raise
        _fail(str(error), known)
    # typer has made an exit of the KeyboardInterrupt.
    if interrupts.received and code == ExitCode.INTERRUPTED:
        _fail(INTERRUPTED, ExitCode.INTERRUPTED)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


def _storage_error_code(error: Exception) -> ExitCode | None:
    """The exit code of an error of storage; None for a defect of ours, which keeps its trace."""
    from storage import errors

    if not isinstance(error, errors.StorageError):
        return None
    mendable = (
        errors.UrlRefused,
        errors.DatabaseMissing,
        errors.NetworkFileSystem,
        errors.DatabaseUnreachable,
        errors.DatabaseNotWritable,
        errors.DatabaseDamaged,
        errors.SchemaUnknown,
        errors.StudyNotFound,
        errors.StudyWithoutRun,
        errors.StudyExists,
        errors.TrialNotFound,
    )
    if isinstance(error, errors.LeaseHeld):
        return ExitCode.BUSY
    return ExitCode.INVALID_INPUT if isinstance(error, mendable) else ExitCode.FAILED


def _leave_stdout() -> None:
    """Let what is still to be written go nowhere: Python would try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(line: str, code: ExitCode) -> NoReturn:
    with suppress(OSError):  # stderr takes nothing: the code still says it
        say(f"study: {line}", logging.ERROR)
    sys.exit(code)
