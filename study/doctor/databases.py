"""Is the database there, fast enough, of a known schema, and can it be written?"""

import os
from pathlib import Path

from storage.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseNotWritable,
    NetworkFileSystem,
    StorageError,
)
from storage.reading.inspection import DatabaseFacts
from storage.tables.versions import HEAD, KNOWN
from study.doctor.check import Check, failed, ok, size, warning

GROUP = "database"
# A cohort's commit takes a dozen round trips; a worker's segment takes seconds.
SLOW_SECONDS = 0.05
# SQL_ASCII keeps whatever bytes it is sent, and is sent UTF-8.
ENCODINGS_OF_ALL = ("UTF8", "SQL_ASCII")
GRANT = "make the user the owner of the database and of its tables"


def judge_unreadable(error: StorageError) -> Check:
    """What it means that the database could not be looked at."""
    name, remedy = _reading(error)
    return failed(GROUP, name, str(error), remedy)


def _reading(error: StorageError) -> tuple[str, str]:
    match error:
        case NetworkFileSystem():
            return "file system", "move the file to a local disk, or use PostgreSQL"
        case DatabaseDamaged():
            return "readable", "put a back-up in its place, or name another file by --storage"
        case DatabaseNotWritable():  # which the driver also says of what may not be read
            return "readable", f"{GRANT}; for a file, give this user the right to read and write it"
        case DatabaseBusy():
            remedy = "end the program that holds it: `fuser FILE`, or pg_stat_activity, names it"
            return "reachable", remedy
    remedy = "check that the server runs, and the URL's host, port, user, password and database"
    return "reachable", remedy


def judge_database(facts: DatabaseFacts) -> list[Check]:
    """The checks of a database that answered."""
    if not facts.exists:
        return [_judge_absent(facts.url, facts.file or Path())]
    checks = [
        ok(GROUP, "reachable", f"{facts.url}: {facts.dialect} {facts.version}"),
        _judge_latency(facts),
        _judge_writing(facts),
        _judge_optuna(facts),
        _judge_schema(facts),
    ]
    if facts.encoding is not None:
        checks.append(_judge_encoding(facts.encoding))
    if facts.file is not None:
        checks.append(ok(GROUP, "file system", f"{facts.file.resolve().parent} is local"))
    return checks


def _judge_absent(url: str, file: Path) -> Check:
    folder = file.resolve().parent
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:  # the name is too long, or a folder is closed
        problem = f"there can be no file {file}: {error.strerror}"
        return failed(GROUP, "reachable", problem, "name another file by --storage")
    if not folder.is_dir():
        return failed(GROUP, "reachable", f"the folder of {file} does not exist", f"mkdir {folder}")
    if not os.access(folder, os.W_OK):
        remedy = "give its user the right to write there, or name another file by --storage"
        return failed(GROUP, "reachable", f"{folder} cannot be written", remedy)
    return ok(GROUP, "reachable", f"{url}: not there yet; the first launch makes it")


def _judge_encoding(encoding: str) -> Check:
    if encoding in ENCODINGS_OF_ALL:
        return ok(GROUP, "encoding", encoding)
    found = f"{encoding}: a study is refused whose texts have other characters"
    return warning(GROUP, "encoding", found, "create the database with ENCODING 'UTF8'")


def _judge_latency(facts: DatabaseFacts) -> Check:
    found = f"{facts.latency_seconds * 1000:.2g} ms a round trip, {size(facts.size_bytes)}"
    found += f", {facts.studies} " + ("study" if facts.studies == 1 else "studies")
    if facts.latency_seconds > SLOW_SECONDS:
        remedy = "run the coordinator nearer to the database"
        return warning(GROUP, "latency", found, remedy)
    return ok(GROUP, "latency", found)


def _judge_writing(facts: DatabaseFacts) -> Check:
    if facts.write_problem is None:
        return ok(GROUP, "writable", "yes, shown by a transaction that was undone")
    remedy = f"{GRANT}, or name the primary server instead of a standby"
    if facts.file is not None:
        remedy = f"give this user the right to write {facts.file} and its folder"
    return failed(GROUP, "writable", facts.write_problem, remedy)


def _judge_optuna(facts: DatabaseFacts) -> Check:
    if not facts.has_optuna:
        return ok(GROUP, "Optuna's tables", "none yet; the first launch makes them")
    if facts.optuna_problem is None:
        return ok(GROUP, "Optuna's tables", "of the version that is known here")
    said, _, remedy = facts.optuna_problem.partition("; ")
    return failed(GROUP, "Optuna's tables", said, remedy or "optuna storage upgrade --storage URL")


def _judge_schema(facts: DatabaseFacts) -> Check:
    version = facts.schema_version
    if version == HEAD:
        return ok(GROUP, "our tables", f"version {HEAD}, the newest")
    if version is None:
        return ok(GROUP, "our tables", "none yet; the first launch makes them")
    if version in KNOWN:
        found = f"version {version}; {HEAD} is the newest"
        remedy = "back up; the next launch or serve upgrades them, so stop older programs first"
        return warning(GROUP, "our tables", found, remedy)
    found = f"version {version}, newer than this program knows ({HEAD})"
    return failed(GROUP, "our tables", found, "pip install -U overfit-study")
