"""On SQLite, our rows follow when anyone deletes a study, also a program that knows nothing of us.

Optuna leaves SQLite's foreign keys off, and SQLite gives the numbers of deleted rows to new ones:
a result that was left behind would join itself to another study's trial. A trigger fires without
foreign keys. The sweep on opening is for what a missing trigger let through: an upgrade of
Optuna's tables may copy `trials` and drop what hung on it.
"""

from sqlalchemy import Connection, text

from storage.schema import STUDY_TABLES, TRIAL_TABLES

TRIGGERS = {
    "study_follow_trials": "CREATE TRIGGER study_follow_trials AFTER DELETE ON trials BEGIN "
    + " ".join(f"DELETE FROM {t.name} WHERE trial_id = OLD.trial_id;" for t in TRIAL_TABLES)
    + " END",
    "study_follow_studies": "CREATE TRIGGER study_follow_studies AFTER DELETE ON studies BEGIN "
    + " ".join(f"DELETE FROM {t.name} WHERE study_id = OLD.study_id;" for t in STUDY_TABLES)
    + " END",
}

_PRESENT = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'study_follow%'"
)


def triggers_in_place(connection: Connection) -> bool:
    """Whether both triggers are there, as they are written here."""
    return {row.name: row.sql for row in connection.execute(text(_PRESENT))} == TRIGGERS


def put_triggers(connection: Connection) -> None:
    """Make both triggers as they are written here, and sweep up what was left without them."""
    for name, statement in TRIGGERS.items():
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        connection.exec_driver_sql(statement)
    sweep(connection)


def has_orphans(connection: Connection) -> bool:
    """Whether a result or a run is there whose trial or study is not, or is not the same one."""
    found = connection.scalar(text(f"SELECT EXISTS ({_ORPHAN_RESULTS})"))
    return bool(found or connection.scalar(text(f"SELECT EXISTS ({_ORPHAN_RUNS})")))


def sweep(connection: Connection) -> None:
    """Delete every row of ours whose trial or study is gone or is no longer the same one."""
    connection.execute(text(f"DELETE FROM results WHERE trial_id IN ({_ORPHAN_RESULTS})"))
    for table in TRIAL_TABLES[1:]:
        missing = f"DELETE FROM {table.name} WHERE trial_id NOT IN (SELECT trial_id FROM results)"
        connection.execute(text(missing))
    connection.execute(text(f"DELETE FROM study_runs WHERE study_id IN ({_ORPHAN_RUNS})"))
    for table in STUDY_TABLES[1:]:
        missing = f"DELETE FROM {table.name} WHERE study_id NOT IN (SELECT study_id FROM studies)"
        connection.execute(text(missing))


# A trial that took a deleted one's id is told by its number, its study's name and its state:
# results are written when a trial finishes, never before.
_ORPHAN_RESULTS = (
    "SELECT r.trial_id FROM results r LEFT JOIN trials t ON t.trial_id = r.trial_id "
    "LEFT JOIN studies s ON s.study_id = t.study_id WHERE t.trial_id IS NULL "
    "OR t.number IS NOT r.trial OR s.study_name IS NOT r.study "
    "OR t.state IN ('RUNNING', 'WAITING')"
)
_ORPHAN_RUNS = (
    "SELECT r.study_id FROM study_runs r LEFT JOIN studies s ON s.study_id = r.study_id "
    "WHERE s.study_name IS NOT r.study"
)
