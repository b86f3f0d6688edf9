"""Triggers that delete our rows with Optuna's, whichever program deletes a study or a trial.

    studies ──► study_runs, splits        trials ──► results ──► replicates, members, …

On PostgreSQL the first steps are foreign keys, the last one is a trigger that the first migration
made. On SQLite all are triggers, which are made here: Optuna leaves SQLite's foreign keys off, and
SQLite gives the ids of deleted rows to new ones, so a result that was left behind would join itself
to another study's trial. An upgrade of Optuna's tables may copy `trials` and drop the triggers on
it; opening the database makes them again, and deletes the rows that were orphaned meanwhile.
"""

from sqlalchemy import Connection, text

from storage.tables.schema import MEASUREMENT_TABLES, STUDY_TABLES


def _trigger(name: str, parent: str, key: str, children: list[str]) -> str:
    deletes = " ".join(f"DELETE FROM {child} WHERE {key} = OLD.{key};" for child in children)
    return f"CREATE TRIGGER {name} AFTER DELETE ON {parent} BEGIN {deletes} END"


TRIGGERS = {
    name: _trigger(name, parent, key, children)
    for name, parent, key, children in (
        ("study_follow_studies", "studies", "study_id", [t.name for t in STUDY_TABLES]),
        ("study_follow_trials", "trials", "trial_id", ["results"]),
        ("study_follow_results", "results", "trial_id", [t.name for t in MEASUREMENT_TABLES]),
    )
}

_PRESENT = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'study_follow%'"
)


def triggers_in_place(connection: Connection) -> bool:
    """Whether the triggers are there, as they are written here."""
    return {row.name: row.sql for row in connection.execute(text(_PRESENT))} == TRIGGERS


def create_triggers(connection: Connection) -> None:
    """Make the triggers as they are written here, and delete the rows that they did not."""
    for name, statement in TRIGGERS.items():
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        connection.exec_driver_sql(statement)
    delete_orphans(connection)


def has_orphans(connection: Connection) -> bool:
    """Whether a result or a run is there whose trial or study is not, or is not the same one."""
    found = connection.scalar(text(f"SELECT EXISTS ({_ORPHAN_RESULTS})"))
    return bool(found or connection.scalar(text(f"SELECT EXISTS ({_ORPHAN_RUNS})")))


def delete_orphans(connection: Connection) -> None:
    """Delete every row of ours whose trial or study is gone or is no longer the same one."""
    connection.execute(text(f"DELETE FROM results WHERE trial_id IN ({_ORPHAN_RESULTS})"))
    connection.execute(text(f"DELETE FROM study_runs WHERE study_id IN ({_ORPHAN_RUNS})"))
    for table in STUDY_TABLES[1:]:
        missing = (
            f"DELETE FROM {table.name} WHERE study_id NOT IN (SELECT study_id FROM study_runs)"
        )
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
