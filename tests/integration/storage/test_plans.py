"""PostgreSQL answers what a coordinator asks all the time by its indexes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.studies.leases import run_query
from storage.studies.queue import claim_query
from storage.tables.optuna_schema import trials
from storage.tables.schema import study_runs
from storage.trials.reads import read_changed
from storage.trials.statements import statements
from storage.trials.storage import TrialStorage
from tests.integration.storage.studies import make_run, new_trial, take_lease

MANY_STUDIES = (
    "INSERT INTO studies SELECT i, concat('s', i) FROM generate_series(1000, 6000) i",
    "INSERT INTO study_runs (study_id, study, specification, specification_sha256, data_sha256, "
    "status, lease_epoch, seed, versions, created_at) SELECT i, concat('s', i), '{}', '', '', "
    "'finished', 0, 0, '{}', now() FROM generate_series(1000, 6000) i",
    "ANALYZE",
)


@pytest.fixture
def large(postgres_url: str) -> Any:
    """A database of 5,000 studies, one of 3,000 trials."""
    with open_database(postgres_url) as database:
        study_id = make_run(database).study_id
        lease = take_lease(database)
        storage = TrialStorage(database)
        for _ in range(30):
            storage.batches.create_trials(study_id, [new_trial()] * 100, lease)
        with database.write() as connection:
            for statement in MANY_STUDIES:
                connection.exec_driver_sql(statement)
        yield database, study_id


def plan(database: Database, query: Any, values: dict[str, Any]) -> str:
    compiled = query.params(**values).compile(dialect=database.engine.dialect)
    with database.read() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN {compiled}", compiled.params)
        return "\n".join(row[0] for row in rows)


def test_the_claim_of_a_lease_uses_the_index_on_the_name(large: tuple[Database, int]):
    database, _ = large
    shown = plan(database, run_query(study_runs.c.study == "s1007"), {})
    assert "Index Scan using uq_study_runs_study" in shown
    shown = plan(database, run_query(study_runs.c.study_id == 1007), {})
    assert "Index Scan using pk_study_runs" in shown


def test_the_search_for_queued_studies_uses_the_index_on_the_status(large: tuple[Database, int]):
    database, _ = large
    shown = plan(database, claim_query(datetime.now(UTC)), {})
    assert "ix_study_runs_status" in shown
    assert "Seq Scan" not in shown


def test_a_refresh_scans_no_table(large: tuple[Database, int]):
    database, study_id = large
    with database.read() as connection:
        newest = connection.scalar(select(func.max(trials.c.trial_id)))
    values = {"study": study_id, "newest": newest, "ids": [5, 6, 7]}
    for query in (statements("postgresql").changed, statements("postgresql").children):
        shown = plan(database, query, values)
        assert "Index" in shown
        # Tables without rows are scanned: there is nothing to save.
        scanned = [line for line in shown.splitlines() if "Seq Scan on" in line]
        filled = ("trials", "trial_params", "trial_user_attributes", "trial_system_attributes")
        assert not [line for line in scanned if line.split("Seq Scan on ")[1].split()[0] in filled]


def test_a_refresh_reads_as_few_rows_as_can_have_changed(large: tuple[Database, int]):
    database, study_id = large
    with database.read() as connection:
        newest = connection.scalar(select(func.max(trials.c.trial_id)))
        found = read_changed(connection, study_id, newest, [5, 6])
        assert [rows.trial_id for rows in found] == [5, 6, newest]
