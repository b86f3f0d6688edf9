"""Studies: made whole or not at all, stepped through their states, listed with how far they are."""

import threading
from datetime import UTC, datetime, timedelta

import optuna
import pytest
from optuna.trial import TrialState

from storage.database.engine import Database
from storage.errors import StatusRefused, StudyExists, StudyNotFound, StudyWithoutRun
from storage.reading.summaries import list_runs
from storage.studies.names import list_names
from storage.studies.runs import read_run, update_specification
from storage.studies.splits import StoredSplit, read_splits, write_splits
from storage.studies.transitions import request_stop, set_status
from storage.tables.status import RunStatus
from storage.trials.storage import TrialStorage
from tests.integration.storage.studies import finished, make_run, new_trial, take_lease


def test_a_new_study_is_optunas_and_ours(database: Database):
    run = make_run(database, directions=("maximize", "minimize"))
    assert run == read_run(database, "digits")
    assert run.status is RunStatus.QUEUED
    assert (run.seed, run.versions) == (2**40, {"torch": "2.13"})
    assert run.specification == {"name": "digits", "budget": {"trials": 10}}
    assert abs(run.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    study = optuna.load_study(study_name="digits", storage=TrialStorage(database))
    assert [d.name for d in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert study.user_attrs == {"data": "digits"}
    assert study.metric_names == ["accuracy", "gap"]


def test_a_name_is_given_once(database: Database):
    make_run(database)
    with pytest.raises(StudyExists, match="a study called 'digits' exists already"):
        make_run(database)


def test_of_many_who_make_the_same_study_one_succeeds(database: Database):
    outcomes: list[object] = []
    start = threading.Barrier(6)

    def making() -> None:
        start.wait()
        try:
            outcomes.append(make_run(database).study)
        except StudyExists as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=making) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == sorted(map(str, [StudyExists] * 5 + ["digits"]))
    assert list_names(database) == ["digits"]


def test_a_study_that_only_optuna_knows_is_said_to_be_so(database: Database):
    optuna.create_study(study_name="theirs", storage=TrialStorage(database))
    with pytest.raises(StudyWithoutRun, match="made by another program"):
        read_run(database, "theirs")
    with pytest.raises(StudyNotFound):
        read_run(database, "nobodys")


def test_a_study_goes_through_its_states_and_no_others(database: Database):
    make_run(database)
    lease = take_lease(database)
    set_status(database, lease, RunStatus.RUNNING)
    began = read_run(database, "digits").started_at
    assert began is not None
    set_status(database, lease, RunStatus.FINISHED)
    assert read_run(database, "digits").finished_at >= began
    with pytest.raises(StatusRefused, match="'digits' is finished and cannot become stopping"):
        set_status(database, lease, RunStatus.STOPPING)
    set_status(database, lease, RunStatus.RUNNING)
    again = read_run(database, "digits")
    assert (again.started_at, again.finished_at) == (began, None)


def test_a_stop_can_be_asked_for_without_a_lease(database: Database):
    make_run(database)
    assert request_stop(database, "digits") is RunStatus.STOPPED
    lease = take_lease(database)
    set_status(database, lease, RunStatus.RUNNING)
    assert request_stop(database, "digits") is RunStatus.STOPPING
    assert request_stop(database, "digits") is RunStatus.STOPPING
    set_status(database, lease, RunStatus.STOPPED)
    assert request_stop(database, "digits") is RunStatus.STOPPED
    with pytest.raises(StudyNotFound):
        request_stop(database, "nobodys")


def test_the_list_counts_trials_by_state_and_knows_the_best_values(database: Database):
    study_id = make_run(database, "two", ("maximize", "minimize")).study_id
    make_run(database, "empty")
    lease = take_lease(database, "two")
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial() for _ in range(5)], lease)
    ends = [
        finished(0, values=[0.5, 3.0]),
        finished(1, values=[0.75, float("inf")]),
        finished(2, values=[0.25, -1.0]),
        finished(3, TrialState.FAIL, values=None),
    ]
    storage.batches.finish_trials(study_id, ends, lease)
    two, empty = list_runs(database)
    assert two.trials == {"COMPLETE": 3, "FAIL": 1, "RUNNING": 1}
    assert two.best_values == (0.75, -1.0)
    assert (empty.trials, empty.best_values) == ({}, (None,))


def test_a_larger_budget_replaces_the_specification(database: Database):
    make_run(database)
    update_specification(database, take_lease(database), {"budget": {"trials": 99}}, "ef" * 32)
    run = read_run(database, "digits")
    assert run.specification == {"budget": {"trials": 99}}
    assert run.specification_sha256 == "ef" * 32


def test_splits_are_read_back_as_they_were_written(database: Database):
    make_run(database)
    rows = [
        StoredSplit(r, 100, b"\x00\x01\x00\x00", b"\xff\x00\x00\x00", 0.1, None) for r in range(3)
    ]
    lease = take_lease(database)
    assert read_splits(database, "digits") == []
    write_splits(database, lease, rows)
    write_splits(database, lease, rows)
    assert read_splits(database, "digits") == rows
