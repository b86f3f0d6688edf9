"""Our rows follow when a study is deleted or renamed, by us and by programs that know us not."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from wsgiref.simple_server import make_server

import optuna
import pytest
from optuna.storages import RDBStorage
from sqlalchemy import func, select, text

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.errors import LeaseHeld, LeaseLost, StudyExists, StudyNotFound, StudyWithoutRun
from storage.reading.frames import load_members, load_results
from storage.reading.summaries import list_runs
from storage.studies.deletion import delete_study, rename_study
from storage.studies.leases import release_lease
from storage.studies.names import list_names_without_run
from storage.studies.runs import read_run
from storage.studies.splits import StoredSplit, read_splits, write_splits
from storage.tables.schema import STUDY_TABLES, TRIAL_TABLES
from storage.trials.storage import TrialStorage
from tests.integration.storage.studies import finished, make_run, new_trial, take_lease
from tests.integration.storage.test_optuna_schema import close, stock
from tests.quiet_handler import QuietHandler


def measured_study(database: Database, name: str, count: int = 3) -> int:
    """A study with some finished trials, one RUNNING, and splits; nobody holds it."""
    study_id = make_run(database, name).study_id
    lease = take_lease(database, name)
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial() for _ in range(count + 1)], lease)
    storage.batches.finish_trials(study_id, [finished(n) for n in range(count)], lease)
    write_splits(
        database, lease, [StoredSplit(0, 10, b"\x01\x00\x00\x00", b"\x02\x00\x00\x00", 0.5)]
    )
    release_lease(database, lease)
    return study_id


def rows(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (*STUDY_TABLES, *TRIAL_TABLES)
        }


def none_of(tables: dict[str, int]) -> dict[str, int]:
    return dict.fromkeys(tables, 0)


def test_deleting_a_study_leaves_nothing_of_it_and_everything_of_the_others(database: Database):
    measured_study(database, "kept")
    kept = rows(database)
    measured_study(database, "gone")
    delete_study(database, "gone")
    assert rows(database) == kept
    assert [summary.run.study for summary in list_runs(database)] == ["kept"]
    with pytest.raises(StudyNotFound, match="no study is called 'gone'; the database has: kept"):
        delete_study(database, "gone")


def test_a_study_that_someone_works_on_is_neither_deleted_nor_renamed(database: Database):
    make_run(database)
    take_lease(database)
    with pytest.raises(LeaseHeld, match="is being worked on by process"):
        delete_study(database, "digits")
    with pytest.raises(LeaseHeld):
        rename_study(database, "digits", "other")


def test_optunas_own_delete_takes_our_rows_along_and_a_new_study_shares_none(
    database_url: str,
):
    with open_database(database_url) as database:
        old = measured_study(database, "digits")
        theirs = stock(database_url)
        optuna.delete_study(study_name="digits", storage=theirs)
        close(theirs)
        assert rows(database) == none_of(rows(database))
        new = measured_study(database, "digits", count=1)
        if database.dialect == "sqlite":
            assert new == old  # the ids are given again: what was left would have joined
        assert len(load_results("digits", database)) == 1
        assert len(load_members("digits", database)) == 4


def test_a_cache_notices_that_a_study_was_deleted_and_made_anew(database_url: str):
    with open_database(database_url) as database:
        study_id = measured_study(database, "digits")
        storage = TrialStorage(database)
        assert len(storage.get_all_trials(study_id)) == 4
        theirs = stock(database_url)
        optuna.delete_study(study_name="digits", storage=theirs)
        close(theirs)
        with pytest.raises(KeyError):
            storage.get_all_trials(study_id)
        anew = measured_study(database, "digits", count=1)
        assert len(storage.get_all_trials(anew)) == 2


def test_what_a_lost_trigger_let_through_is_swept_up_on_opening(sqlite_url: str):
    with open_database(sqlite_url) as database:
        measured_study(database, "digits")
        with database.write() as connection:
            for name in ("study_follow_trials", "study_follow_studies"):
                connection.execute(text(f"DROP TRIGGER {name}"))
    theirs = stock(sqlite_url)
    optuna.delete_study(study_name="digits", storage=theirs)
    study = optuna.create_study(study_name="other", storage=theirs)
    study.optimize(lambda trial: 1.0, n_trials=2)  # takes the ids of the deleted trials
    close(theirs)
    with open_database(sqlite_url) as database:
        assert rows(database) == none_of(rows(database))
        assert list_names_without_run(database) == ["other"]
        measured_study(database, "digits")
        delete_study(database, "digits")
        assert rows(database) == none_of(rows(database))


def test_renaming_keeps_trials_and_measurements(database: Database):
    study_id = measured_study(database, "old")
    before = rows(database)
    assert rename_study(database, "old", "new") == study_id
    assert rows(database) == before
    run = read_run(database, "new")
    assert run.study_id == study_id
    assert run.specification == {"name": "new", "budget": {"trials": 10}}
    assert load_results("new", database).study.unique().tolist() == ["new"]
    assert len(read_splits(database, "new")) == 1
    with pytest.raises(StudyNotFound):
        read_run(database, "old")
    make_run(database, "other")
    with pytest.raises(StudyExists, match="'other' exists already"):
        rename_study(database, "new", "other")


def test_a_study_is_renamed_and_deleted_by_its_id_as_well(database: Database):
    study_id = measured_study(database, "old")
    optunas = TrialStorage(database).create_new_study([optuna.study.StudyDirection.MINIMIZE], "o")
    assert rename_study(database, study_id, "new") == study_id
    assert rename_study(database, study_id, "new") == study_id
    assert rename_study(database, optunas, "old") == optunas
    delete_study(database, study_id)
    assert list_names_without_run(database) == ["old"]
    delete_study(database, optunas)
    for gone in (study_id, optunas):
        with pytest.raises(StudyNotFound, match=f"number {gone}"):
            rename_study(database, gone, "other")
        with pytest.raises(StudyNotFound):
            delete_study(database, gone)


def test_a_coordinator_that_fell_silent_cannot_write_under_the_old_name(database: Database):
    make_run(database, "old")
    lease = take_lease(database, "old", seconds=-1.0)
    rename_study(database, "old", "new")
    storage = TrialStorage(database)
    with pytest.raises(LeaseLost):
        storage.batches.create_trials(lease.study_id, [new_trial()], lease)
    assert take_lease(database, "new").epoch > lease.epoch


class Dashboard:
    """Optuna's own dashboard, over HTTP."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/api"

    def __call__(self, method: str, path: str, body: object = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if content else {}


@pytest.fixture(params=["ours", "stock"])
def dashboard(database_url: str, request: pytest.FixtureRequest) -> Iterator[Dashboard]:
    """Optuna's dashboard on our storage, and on Optuna's."""
    from optuna_dashboard import wsgi

    with open_database(database_url) as database:
        storage = TrialStorage(database) if request.param == "ours" else stock(database_url)
        with make_server("127.0.0.1", 0, wsgi(storage), handler_class=QuietHandler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield Dashboard(server.server_port)
            server.shutdown()
            thread.join()
        if isinstance(storage, RDBStorage):
            close(storage)


def test_optunas_dashboard_lists_shows_annotates_renames_and_deletes(
    database_url: str, dashboard: Dashboard
):
    with open_database(database_url) as database:
        study_id = measured_study(database, "digits")
        assert [s["study_name"] for s in dashboard("GET", "/studies")["study_summaries"]] == [
            "digits"
        ]
        shown = dashboard("GET", f"/studies/{study_id}")
        assert [trial["number"] for trial in shown["trials"]] == [0, 1, 2, 3]
        note = {"body": "a *note*", "version": 1}
        dashboard("PUT", f"/studies/{study_id}/note", note)
        assert dashboard("GET", f"/studies/{study_id}")["note"] == note
        dashboard("POST", f"/studies/{study_id}/rename", {"study_name": "renamed"})
        # Its rename makes a new study of copied trials and deletes the old one: what was measured
        # goes with that, and we say so.
        assert rows(database) == none_of(rows(database))
        assert list_names_without_run(database) == ["renamed"]
        with pytest.raises(StudyWithoutRun, match="drops what was measured"):
            load_results("renamed", database)
        (renamed,) = dashboard("GET", "/studies")["study_summaries"]
        dashboard("DELETE", f"/studies/{renamed['study_id']}")
        assert dashboard("GET", "/studies")["study_summaries"] == []
        measured_study(database, "digits")
        (again,) = dashboard("GET", "/studies")["study_summaries"]
        dashboard("DELETE", f"/studies/{again['study_id']}")
        assert rows(database) == none_of(rows(database))
