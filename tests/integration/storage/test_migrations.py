"""Our tables have a history: made from it, brought up by it, refused when it is not known."""

import shutil
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from storage import history, migrations
from storage.engine import Database, open_database
from storage.errors import SchemaUnknown
from storage.migrations import env_filter
from storage.schema import metadata
from tests.integration.storage.studies import make_run, take_lease


def test_the_history_ends_in_the_tables_that_the_program_works_with(database: Database):
    with database.read() as connection:
        assert history.schema_version(connection) == history.HEAD == history.KNOWN[-1]
        options = {"include_object": env_filter.only_ours, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


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


def test_a_database_of_version_1_opens_in_version_2_with_its_rows(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with open_database(database_url) as database:
        make_run(database)
    newer = tmp_path / "newer"
    shutil.copytree(Path(migrations.__file__).parent, newer)
    (newer / "versions" / "v0002_notes.py").write_text(
        '"""Notes."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
        'revision = "0002"\ndown_revision = "0001"\n\n\n'
        'def upgrade():\n    op.add_column("study_runs", sa.Column("note", sa.Text()))\n'
    )
    monkeypatch.setattr(history, "HEAD", "0002")
    monkeypatch.setattr(history, "KNOWN", ("0001", "0002"))
    monkeypatch.setattr(history, "SCRIPTS", newer)
    with open_database(database_url) as database:
        take_lease(database)
        with database.read() as connection:
            assert history.schema_version(connection) == "0002"
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
