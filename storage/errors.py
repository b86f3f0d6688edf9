"""Everything that can go wrong in storage, in one hierarchy.

    StorageError
    ├── UrlRefused               the URL names no database that can hold a study
    ├── DatabaseMissing          nothing is there, and the caller did not ask to create it
    ├── NetworkFileSystem        SQLite on a file system whose locks cannot be trusted
    ├── DatabaseUnreachable      away for now: waiting and trying again can help
    │   └── DatabaseBusy         others held it locked for longer than we wait
    ├── DatabaseNotWritable      read-only, full, or without permission
    ├── DatabaseDamaged          not a database, or a broken one
    ├── SchemaUnknown            tables of a version that this program does not know
    ├── StatementRefused         a constraint, a type or a column said no: a defect
    ├── RowsRefused              a row with a column that does not exist, or without one it needs
    ├── StudyNotFound            also a KeyError, as Optuna's storage interface asks
    ├── StudyWithoutRun          Optuna's study is there, this product's record of it is not
    ├── StudyExists
    ├── TrialNotFound            also a KeyError
    ├── StatusRefused            a step that the table of transitions does not have
    ├── LeaseHeld                someone else has the study now
    └── LeaseLost                someone else took the study over: stop, nothing was written

Every message is one line, says what to do where something can be done, and holds no password.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.owners import Owner


class StorageError(Exception):
    """Anything that storage raises on purpose."""

    def __str__(self) -> str:
        # KeyError, which two of us also are, would show its message in quotation marks.
        return " ".join(str(part) for part in self.args)


class UrlRefused(StorageError):
    """The URL names no database that can hold a study."""


class DatabaseMissing(StorageError):
    """There is no database, or no study has ever been in it."""


class NetworkFileSystem(StorageError):
    """SQLite's file lies where file locks cannot be trusted."""


class DatabaseUnreachable(StorageError):
    """The server does not answer or the connection broke; trying again later can help."""


class DatabaseBusy(DatabaseUnreachable):
    """Others kept the database locked for longer than the time-out."""


class DatabaseNotWritable(StorageError):
    """The database can be found and cannot be written."""


class DatabaseDamaged(StorageError):
    """The file is not a database, or its contents are broken."""


class SchemaUnknown(StorageError):
    """The tables are of a version that this program cannot work with."""


class StatementRefused(StorageError):
    """The database refused a statement: a constraint, a type, a missing column."""


class RowsRefused(StorageError, ValueError):
    """A row names a column that does not exist, or lacks one it needs."""


class StudyNotFound(StorageError, KeyError):
    """No study has this name; known lists the names there are, for a suggestion."""

    def __init__(self, name: str, known: Sequence[str] = ()) -> None:
        self.name = name
        self.known = tuple(known)
        shown = ", ".join(self.known[:8]) + (", …" if len(self.known) > 8 else "")
        have = f"the database has: {shown}" if shown else "the database has no studies"
        super().__init__(f"no study is called {name!r}; {have}")


class StudyWithoutRun(StorageError):
    """Optuna knows the study, this product's tables do not."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"study {name!r} has Optuna's trials but no specification or measurements: it was made "
            "by another program, or renamed by Optuna's own dashboard, which copies the trials to "
            "a new study and drops what was measured ('study rename' renames without loss)"
        )


class StudyExists(StorageError):
    """The name is taken."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"a study called {name!r} exists already; choose another name")


class TrialNotFound(StorageError, KeyError):
    """No such trial."""


class StatusRefused(StorageError):
    """A study cannot go from its status to the one asked for."""


class LeaseHeld(StorageError):
    """Another coordinator works on the study, by the database's clock for seconds_left more."""

    def __init__(
        self, study: str, owner: "Owner", expires_at: datetime, seconds_left: float
    ) -> None:
        self.study = study
        self.owner = owner
        self.expires_at = expires_at
        self.seconds_left = seconds_left
        super().__init__(
            f"study {study!r} is being worked on by {owner}; its lease runs for another "
            f"{max(seconds_left, 0.0):.0f} s unless renewed"
        )


class LeaseLost(StorageError):
    """Another coordinator took the study over, or the lease was given back: nothing was written."""

    def __init__(self, study: str, owner: "Owner | None") -> None:
        self.study = study
        self.owner = owner
        now = f"{owner} has it now" if owner else "it was given back or its study was deleted"
        super().__init__(f"the lease on study {study!r} is lost, {now}; nothing was written")
