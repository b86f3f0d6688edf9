"""SQLite's files that may only be read: in an archive, in a colleague's folder.

A database with a write-ahead log is read beside two further files, which SQLite makes and deletes.
Where it may not make them, nobody is writing, and it can be told so: the file is read as it lies.
"""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from storage.errors import DatabaseNotWritable

ADVICE = "copy it, and the -wal file beside it if there is one, to a folder that you may write to"


def is_read_only(path: Path) -> bool:
    """Whether the file is there, and this user may not write it, or nothing beside it."""
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return os.access(path, os.F_OK) and not writable


def connect_read_only(path: Path, timeout: float) -> sqlite3.Connection:
    """A connection that reads the file as it is now.

    Raises:
        DatabaseNotWritable: its last changes lie in a log beside it that cannot be read from here.
        sqlite3.Error: it cannot be read.
    """
    where = f"file://{quote(os.fsencode(path.absolute()))}?mode=ro"
    try:
        return _connect(where, timeout)
    except sqlite3.OperationalError as error:
        if not error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size > 0:
        raise DatabaseNotWritable(
            f"database {path} has changes in {log.name} that can only be read where that may be "
            f"written: {ADVICE}"
        )
    return _connect(f"{where}&immutable=1", timeout)


def _connect(where: str, timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(where, uri=True, timeout=timeout, check_same_thread=False)
    try:
        connection.execute("PRAGMA schema_version").close()  # opening alone touches no file
    except BaseException:
        connection.close()
        raise
    return connection
