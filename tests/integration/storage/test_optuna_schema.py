"""Optuna's tables are Optuna's: made like its own, read by it, refused when they are not known."""

import os
import subprocess
import sys
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy import create_engine, inspect, text

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.database.urls import parse_url
from storage.errors import SchemaUnknown
from storage.tables import optuna_schema
from storage.trials.storage import TrialStorage
from tests.integration.storage.studies import finished, make_run, new_trial, take_lease
from tests.integration.storage.trials import same, trials

UPGRADE = "import sys; from optuna.cli import main; sys.exit(main())"  # the optuna command


def stock(url: str) -> RDBStorage:
    return RDBStorage(parse_url(url).render_as_string(hide_password=False))


def close(storage: RDBStorage) -> None:
    storage.remove_session()
    storage.engine.dispose()


def shape(url: str) -> dict[str, Any]:
    """Everything about Optuna's tables that a database tells."""
    engine = create_engine(parse_url(url))
    names = [*optuna_schema.metadata.tables, "alembic_version"]
    with engine.connect() as connection:
        told = inspect(connection)
        found = {
            name: (
                [dict(column, type=repr(column["type"])) for column in told.get_columns(name)],
                told.get_pk_constraint(name),
                sorted(map(repr, told.get_unique_constraints(name))),
                sorted(map(repr, told.get_indexes(name))),
                sorted(map(repr, told.get_foreign_keys(name))),
                sorted(map(repr, told.get_check_constraints(name))),
            )
            for name in names
        }
        for name in ("version_info", "alembic_version"):
            found[f"rows of {name}"] = connection.execute(text(f"SELECT * FROM {name}")).all()
        if connection.dialect.name == "sqlite":
            definitions = "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index')"
            ours = connection.execute(text(definitions)).all()
            found["sql"] = sorted(row for row in map(tuple, ours) if row[0] in names)
    engine.dispose()
    return found


@pytest.fixture
def two_urls(database_url: str, request: pytest.FixtureRequest, tmp_path: Any) -> tuple[str, str]:
    if database_url.startswith("sqlite"):
        return database_url, f"sqlite:///{tmp_path}/other.db"
    generator = request.getfixturevalue("another_postgres_url")
    return database_url, generator


@pytest.fixture
def another_postgres_url(postgres_server: Any) -> Any:
    import psycopg

    with psycopg.connect(postgres_server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE another")
        yield postgres_server.get_uri(database="another")
        connection.execute("DROP DATABASE another WITH (FORCE)")


def test_a_new_database_has_exactly_the_tables_that_optuna_makes(two_urls: tuple[str, str]):
    mine, theirs = two_urls
    open_database(mine).dispose()
    close(stock(theirs))
    assert shape(mine) == shape(theirs)


def test_optuna_finds_its_own_version_and_changes_nothing(database_url: str):
    open_database(database_url).dispose()
    before = shape(database_url)
    close(stock(database_url))
    assert shape(database_url) == before


def test_a_study_that_optuna_wrote_opens_here(database_url: str):
    theirs = stock(database_url)
    study = optuna.create_study(storage=theirs, study_name="theirs", direction="maximize")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    expected = study.get_trials()
    with open_database(database_url) as database:
        mine = optuna.load_study(study_name="theirs", storage=TrialStorage(database))
        assert mine.get_trials() == expected
        mine.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
        assert theirs.get_all_trials(study._study_id) == mine.get_trials()
    close(theirs)


def test_batches_are_read_by_optuna_as_they_are_here(database_url: str):
    with open_database(database_url) as database:
        study_id = make_run(database).study_id
        lease = take_lease(database)
        storage = TrialStorage(database)
        storage.batches.create_trials(study_id, [new_trial(d) for d in (1, 2, 3)], lease)
        storage.batches.finish_trials(study_id, [finished(1)], lease)
        storage.batches.take_back(study_id, [2], lease)
        theirs = stock(database_url)
        mine = storage.get_all_trials(study_id)
        for one, other in zip(mine, theirs.get_all_trials(study_id), strict=True):
            assert same(one, other)
        assert storage.get_all_studies() == theirs.get_all_studies()
        close(theirs)


def test_any_trial_is_read_alike_by_both_whichever_wrote_it(
    database_url: str, request: pytest.FixtureRequest
):
    theirs = stock(database_url)
    with open_database(database_url) as database:
        mine = TrialStorage(database)
        studies = {
            storage: storage.create_new_study([optuna.study.StudyDirection.MINIMIZE] * 2)
            for storage in (mine, theirs)
        }

        @settings(
            max_examples=request.config.getoption("--storage-examples"),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(trials(objectives=2), min_size=1, max_size=3))
        def written_by_one_read_by_both(batch: list[FrozenTrial]) -> None:
            for writer, study_id in studies.items():
                ids = [writer.create_new_trial(study_id, trial) for trial in batch]
                for trial_id, trial in zip(ids, batch, strict=True):
                    one, other = mine.get_trial(trial_id), theirs.get_trial(trial_id)
                    assert same(one, other)
                    assert same(one, trial, number=one.number)

        written_by_one_read_by_both()
        for study_id in studies.values():
            pairs = zip(mine.get_all_trials(study_id), theirs.get_all_trials(study_id), strict=True)
            assert all(same(one, other) for one, other in pairs)
    close(theirs)


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        ("v3.0.0.a", "older version .*optuna storage upgrade --storage"),
        ("v9.0.0.a", "newer than this program knows .*pip install -U overfit-study"),
    ],
)
def test_another_version_of_optunas_tables_is_refused_with_advice(
    database_url: str, revision: str, said: str
):
    open_database(database_url).dispose()
    execute(database_url, f"UPDATE alembic_version SET version_num = '{revision}'")
    with pytest.raises(SchemaUnknown, match=said):
        open_database(database_url)


def test_a_database_from_before_optuna_had_versions_is_refused(database_url: str):
    open_database(database_url).dispose()
    execute(database_url, "DELETE FROM alembic_version")
    execute(database_url, "UPDATE version_info SET schema_version = 1")
    execute(database_url, "DROP TABLE study_alembic_version")
    with pytest.raises(SchemaUnknown, match=r"before 0\.9"):
        open_database(database_url)


def test_optuna_storage_upgrade_goes_on_working(database_url: str):
    with open_database(database_url) as database:
        make_run(database)
    execute(database_url, "UPDATE alembic_version SET version_num = 'v3.0.0.d'")
    execute(database_url, "DROP INDEX IF EXISTS ix_trials_study_id")
    url = parse_url(database_url).render_as_string(hide_password=False)
    command = [sys.executable, "-c", UPGRADE, "storage", "upgrade", "--storage", url]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    with open_database(database_url) as database:
        take_lease(database)


def execute(url: str, statement: str) -> None:
    database = Database(parse_url(url))
    with database.write() as connection:
        connection.execute(text(statement))
    database.dispose()
