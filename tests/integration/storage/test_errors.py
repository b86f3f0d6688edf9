"""Whatever happens to the database, callers see our errors only, and never a password."""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy import text

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.database.urls import parse_url
from storage.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseMissing,
    DatabaseNotWritable,
    DatabaseUnreachable,
    StorageError,
)
from storage.owners import Owner
from storage.reading.frames import (
    load_layer_statistics,
    load_learning_curves,
    load_members,
    load_replicates,
    load_results,
)
from storage.reading.summaries import list_runs
from storage.studies.cluster_demand import read_demand, write_demand
from storage.studies.deletion import delete_study, rename_study
from storage.studies.leases import acquire_lease, release_lease, renew_lease
from storage.studies.queue import (
    claim_next,
    enqueue,
    lease_owners,
    record_crash,
    remove_from_queue,
    requeue,
    requeue_abandoned,
    transfer_lease,
)
from storage.studies.runs import read_run, update_specification
from storage.studies.splits import read_splits, write_splits
from storage.studies.transitions import request_stop, set_status
from storage.tables.optuna_schema import metadata as optunas
from storage.tables.schema import metadata as ours
from storage.tables.status import RunStatus
from storage.trials.confirmations import (
    confirmation_environments,
    confirmed_replicates,
    write_confirmations,
)
from storage.trials.storage import TrialStorage
from tests.integration.storage.studies import finished, make_run, new_trial, take_lease


def everything(database: Database) -> Iterator[Callable[[], Any]]:
    """Every public function and method, ready to be called on a study that was there."""
    study_id = make_run(database).study_id
    lease = take_lease(database)
    trials = TrialStorage(database)
    trials.batches.create_trials(study_id, [new_trial(), new_trial()], lease)
    distribution = new_trial().distributions["depth"]
    yield lambda: make_run(database, "other")
    yield lambda: read_run(database, "digits")
    yield lambda: list_runs(database)
    yield lambda: enqueue(database, "digits", {}, "0" * 64)
    yield lambda: claim_next(database, Owner.this_process(), 1.0)
    yield lambda: transfer_lease(database, lease, Owner.this_process())
    yield lambda: remove_from_queue(database, lease)
    yield lambda: requeue(database, lease)
    yield lambda: record_crash(database, lease, "killed")
    yield lambda: requeue_abandoned(database)
    yield lambda: lease_owners(database)
    yield lambda: write_demand(database, lease, "cluster", 1)
    yield lambda: read_demand(database, lease, "cluster")
    yield lambda: request_stop(database, "digits")
    yield lambda: set_status(database, lease, RunStatus.RUNNING)
    yield lambda: update_specification(database, lease, {}, "0" * 64)
    yield lambda: read_splits(database, "digits")
    yield lambda: write_splits(database, lease, [])
    yield lambda: write_confirmations(database, lease, [])
    yield lambda: confirmed_replicates(database, "digits")
    yield lambda: confirmation_environments(database, study_id, 0)
    yield lambda: acquire_lease(database, "digits", Owner.this_process(), 1.0)
    yield lambda: renew_lease(database, lease)
    yield lambda: release_lease(database, lease)
    yield lambda: delete_study(database, "digits")
    yield lambda: rename_study(database, "digits", "other")
    for load in (
        load_results,
        load_replicates,
        load_members,
        load_learning_curves,
        load_layer_statistics,
    ):
        yield lambda load=load: load("digits", database)
    yield lambda: trials.batches.create_trials(study_id, [new_trial()], lease)
    yield lambda: trials.batches.start_waiting(study_id, lease, 1)
    yield lambda: trials.batches.set_parameters(study_id, {0: ({}, {})}, lease)
    yield lambda: trials.batches.running_trials(study_id)
    yield lambda: trials.batches.finish_trials(study_id, [finished(0)], lease)
    yield lambda: trials.batches.take_back(study_id, [0], lease)
    yield lambda: trials.create_new_study([StudyDirection.MINIMIZE])
    yield lambda: trials.delete_study(study_id)
    yield lambda: trials.set_study_user_attr(study_id, "key", 1)
    yield lambda: trials.set_study_system_attr(study_id, "key", 1)
    yield lambda: trials.get_study_id_from_name("digits")
    yield lambda: trials.get_study_name_from_id(study_id)
    yield lambda: trials.get_study_directions(study_id)
    yield lambda: trials.get_study_user_attrs(study_id)
    yield lambda: trials.get_study_system_attrs(study_id)
    yield trials.get_all_studies
    yield lambda: trials.create_new_trial(study_id)
    yield lambda: trials.set_trial_param(1, "depth", 3.0, distribution)
    yield lambda: trials.set_trial_state_values(1, TrialState.COMPLETE, [1.0])
    yield lambda: trials.set_trial_intermediate_value(1, 0, 1.0)
    yield lambda: trials.set_trial_user_attr(1, "key", 1)
    yield lambda: trials.set_trial_system_attr(1, "key", 1)
    yield lambda: trials.get_trial(1)
    yield lambda: trials.get_all_trials(study_id)


def clear_lines(calls: list[Callable[[], Any]]) -> set[type]:
    """Call each; what it raises must be ours, one line, and without the password."""
    kinds = set()
    for call in calls:
        with pytest.raises(StorageError) as caught:
            call()
        message = str(caught.value)
        assert "\n" not in message
        assert "secret" not in message
        kinds.add(type(caught.value))
    return kinds


def test_a_database_whose_tables_are_gone_raises_only_our_errors(database: Database):
    calls = list(everything(database))
    with database.write() as connection:
        names = [*ours.tables, *reversed(optunas.sorted_tables)]
        cascade = " CASCADE" if database.dialect == "postgresql" else ""
        for name in names:
            connection.execute(text(f"DROP TABLE {name}{cascade}"))
    assert len(calls) > 40
    clear_lines(calls)


def test_a_server_that_went_away_is_unreachable_and_comes_back(
    postgres_url: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    with open_database(postgres_url) as database:
        calls = list(everything(database))
        away = Database(parse_url("postgresql://me:secret@127.0.0.1:1/db"))
        database.engine, here = away.engine, database.engine
        reader, writer = database._reader, database._writer
        database._reader, database._writer = away._reader, away._writer
        database.url = away.url
        assert clear_lines(calls) == {DatabaseUnreachable}
        database.engine, database._reader, database._writer = here, reader, writer
        assert read_run(database, "digits").study == "digits"
        away.dispose()
    assert "secret" not in caplog.text


def test_a_connection_that_the_server_ended_is_replaced(postgres_url: str):
    with open_database(postgres_url) as database:
        make_run(database)
        with open_database(postgres_url) as other, other.write() as connection:
            ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            mine = "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            connection.execute(text(ended + mine))
        assert read_run(database, "digits").study == "digits"


def test_a_wrong_server_is_said_in_one_line_without_the_password(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(DatabaseUnreachable, match=r"me:\*\*\*@127\.0\.0\.1:1/db cannot be reached"):
        open_database("postgresql://me:secret@127.0.0.1:1/db")
    assert "secret" not in caplog.text


def test_an_empty_database_that_is_only_to_be_read_is_left_empty(postgres_url: str):
    with pytest.raises(DatabaseMissing, match="holds no studies yet"):
        open_database(postgres_url, create=False)
    with pytest.raises(DatabaseMissing):
        load_results(None, postgres_url)


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path):
    path = tmp_path / "notes.db"
    path.write_text("not a database, but long enough to be taken for one\n" * 100)
    with pytest.raises(DatabaseDamaged, match="is damaged or not a database"):
        open_database(f"sqlite:///{path}")


def test_a_writer_that_waits_too_long_is_told_that_the_database_is_busy(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("storage.database.engine.BUSY_SECONDS", 0.2)
    with open_database(sqlite_url) as database:
        other = sqlite3.connect(database.engine.url.database or "", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusy, match="is locked by others"):
            make_run(database)
        other.execute("ROLLBACK")
        other.close()
        make_run(database)


def test_a_database_that_may_only_be_read_says_so(postgres_url: str):
    with open_database(postgres_url) as database, database.write() as connection:
        name = database.engine.url.database
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    with open_database(postgres_url) as database, pytest.raises(DatabaseNotWritable):
        make_run(database)


def test_a_full_disk_is_said_and_undoes_the_batch(sqlite_url: str):
    with open_database(sqlite_url) as database:
        study_id = make_run(database).study_id
        lease = take_lease(database)
        trials = TrialStorage(database)
        trials.batches.create_trials(study_id, [new_trial()] * 4, lease)
        with database.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        with database.engine.connect() as connection:
            driver = connection.connection.driver_connection
            driver.execute(f"PRAGMA max_page_count = {pages + 2}")
        big = [finished(n, user_attributes={"note": "x" * 20_000}) for n in range(4)]
        with pytest.raises(DatabaseNotWritable, match="full"):
            trials.batches.finish_trials(study_id, big, lease)
        assert len(trials.batches.running_trials(study_id)) == 4
        assert load_results("digits", database).empty


def test_a_password_is_in_no_table(sqlite_url: str, tmp_path: Path):
    with open_database(sqlite_url) as database:
        make_run(database)
        take_lease(database)
    copy = shutil.copy(tmp_path / "study.db", tmp_path / "copy.db")
    assert b"secret" not in Path(copy).read_bytes()
