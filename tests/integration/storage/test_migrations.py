"""Our tables have a history: made from it, brought up by it, refused when it is not known."""

import shutil
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.database.urls import parse_url
from storage.errors import SchemaUnknown, StatementRefused
from storage.owners import Owner
from storage.studies.names import list_names
from storage.studies.queue import claim_next
from storage.studies.runs import read_run
from storage.tables import migrations, triggers, versions
from storage.tables.migrations import env_filter
from storage.tables.optuna_schema import make_optuna_schema
from storage.tables.schema import metadata
from tests.integration.storage.studies import make_run, take_lease


def test_the_history_ends_in_the_tables_that_the_program_works_with(database: Database):
    with database.read() as connection:
        assert versions.schema_version(connection) == versions.HEAD == versions.KNOWN[-1]
        options = {"include_object": env_filter.only_ours, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, metadata)
        assert differences == [], (
            "storage/tables/schema.py and the steps in storage/tables/migrations/versions do not "
            f"end in the same tables: {differences}"
        )


def test_every_constraint_and_index_of_ours_has_a_name(database: Database):
    with database.read() as connection:
        told = inspect(connection)
        for table in metadata.tables:
            named = [
                told.get_pk_constraint(table),
                *told.get_foreign_keys(table),
                *told.get_unique_constraints(table),
                *told.get_check_constraints(table),
                *told.get_indexes(table),
            ]
            assert all(item["name"] for item in named), table


def test_a_database_from_a_newer_program_is_refused_and_left_alone(database_url: str):
    with open_database(database_url) as database, database.write() as connection:
        connection.execute(text("UPDATE study_alembic_version SET version_num = '0999'"))
    with pytest.raises(SchemaUnknown, match=r"version 0999, newer than .*pip install -U"):
        open_database(database_url)


def database_of_version(version: str, url: str) -> Database:
    """A database as the program of that version left it, with Optuna's tables."""
    database = Database(parse_url(url))
    with database.write() as connection:
        make_optuna_schema(connection)
        versions.upgrade(connection, version)
        if database.dialect == "sqlite":
            triggers.create_triggers(connection)
    return database


def test_a_database_of_version_1_is_brought_up_to_date_with_its_rows(database_url: str):
    with database_of_version("0001", database_url) as old, old.write() as connection:
        connection.execute(text("INSERT INTO studies VALUES (7, 'old')"))
        connection.execute(
            text(
                "INSERT INTO study_directions (study_direction_id, direction, study_id, objective) "
                "VALUES (1000, 'MAXIMIZE', 7, 0)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO study_runs (study_id, study, specification, specification_sha256, "
                "data_sha256, status, lease_epoch, seed, versions, created_at) VALUES "
                """(7, 'old', '{"seed": 3}', 'ab', 'cd', 'stopped', 4, 3, '{"torch": "2"}', """
                "'2026-01-02 03:04:05')"
            )
        )
    with open_database(database_url) as database:
        run = read_run(database, "old")
        assert (run.data_sha256, run.lease_epoch, run.specification) == ("cd", 4, {"seed": 3})
        assert (run.error, run.detached, run.queued_at, run.crashes) == (None, False, None, 0)
        assert claim_next(database, Owner.this_process(), 30.0) is None
        make_run(database, "new")
        with pytest.raises(StatementRefused), database.write() as connection:
            connection.execute(text("UPDATE study_runs SET status = 'tired'"))
        # Whoever deletes a study deletes its run: the triggers and keys are as they were.
        with database.write() as connection:
            connection.execute(text("DELETE FROM study_directions WHERE study_id = 7"))
            connection.execute(text("DELETE FROM studies WHERE study_id = 7"))
        assert list_names(database) == ["new"]


def test_a_later_version_of_the_tables_keeps_their_rows(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with open_database(database_url) as database:
        make_run(database)
    newer = tmp_path / "newer"
    shutil.copytree(Path(migrations.__file__).parent, newer)
    (newer / "versions" / "v0999_notes.py").write_text(
        '"""Notes."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
        f'revision = "0999"\ndown_revision = "{versions.HEAD}"\n\n\n'
        'def upgrade():\n    op.add_column("study_runs", sa.Column("note", sa.Text()))\n'
    )
    monkeypatch.setattr(versions, "HEAD", "0999")
    monkeypatch.setattr(versions, "KNOWN", (*versions.KNOWN, "0999"))
    monkeypatch.setattr(versions, "SCRIPTS", newer)
    with open_database(database_url) as database:
        take_lease(database)
        with database.read() as connection:
            assert versions.schema_version(connection) == "0999"
            assert connection.execute(text("SELECT study, note FROM study_runs")).all() == [
                ("digits", None)
            ]


def test_many_programs_may_open_the_same_new_database_at_once(database_url: str):
    errors: list[BaseException] = []
    start = threading.Barrier(6)

    def opening() -> None:
        start.wait()
        try:
            open_database(database_url).dispose()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=opening) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
