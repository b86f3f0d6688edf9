"""A coordinator's batches: made, finished with our rows, taken back, begun again."""

from concurrent.futures import ThreadPoolExecutor

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState
from sqlalchemy import func, select

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.errors import LeaseLost, RowsRefused, TrialNotFound
from storage.owners import Owner
from storage.reading.frames import (
    load_layer_statistics,
    load_learning_curves,
    load_members,
    load_replicates,
    load_results,
)
from storage.studies.leases import acquire_lease
from storage.tables.schema import TRIAL_TABLES, learning_curves, results
from storage.trials.storage import TrialStorage
from tests.integration.storage.studies import (
    DISTRIBUTIONS,
    ROWS,
    finished,
    make_run,
    new_trial,
    take_lease,
)
from tests.integration.storage.test_optuna_schema import close, stock


def counts(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in TRIAL_TABLES
        }


def test_new_trials_are_running_numbered_and_as_the_database_gives_them_back(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    first = storage.batches.create_trials(study_id, [new_trial(d) for d in (1, 2)], lease)
    second = storage.batches.create_trials(study_id, [new_trial(3)], lease)
    assert [t.number for t in first + second] == [0, 1, 2]
    assert {t.state for t in first + second} == {TrialState.RUNNING}
    assert first + second == TrialStorage(database).get_all_trials(study_id)
    assert storage.get_all_trials(study_id) == first + second
    assert storage.batches.running_trials(study_id) == first + second
    assert first[0].params == {"depth": 1, "activation": "tanh", "learning_rate": 0.01}


def test_numbers_stay_without_gaps_when_others_add_trials_in_between(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage, other = TrialStorage(database), TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial()], lease)
    other.create_new_trial(study_id)
    (third,) = storage.batches.create_trials(study_id, [new_trial()], lease)
    assert third.number == 2
    assert [t.number for t in storage.get_all_trials(study_id)] == [0, 1, 2]
    assert storage.get_all_trials(study_id) == other.get_all_trials(study_id)


def test_a_finished_batch_has_all_its_rows_in_optunas_tables_and_ours(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial(d) for d in (1, 2, 3)], lease)
    report = storage.batches.finish_trials(study_id, [finished(0), finished(2)], lease)
    assert report.written == (0, 2)
    assert counts(database) == {name: 2 * rows for name, rows in ROWS.items()}
    states = [t.state for t in storage.get_all_trials(study_id)]
    assert states == [TrialState.COMPLETE, TrialState.RUNNING, TrialState.COMPLETE]
    trial = storage.get_all_trials(study_id)[2]
    assert trial.values == [0.900002]
    assert trial.user_attrs == {"by": "test", "test_accuracy": 0.8, "generalization_gap": 0.1 + 0.2}
    assert list(trial.intermediate_values) == [0, 5, 10]
    assert str(storage.get_all_trials(study_id)) == str(
        TrialStorage(database).get_all_trials(study_id)
    )


def test_what_was_written_is_read_back_to_the_last_bit(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial()], lease)
    storage.batches.finish_trials(study_id, [finished(0)], lease)
    frame = load_results("digits", database)
    row = frame.iloc[0]
    assert (row.study, row.trial, row.state, row.depth) == ("digits", 0, "COMPLETE", 3)
    assert row.test_accuracy == 0.1 + 0.7
    assert pd.isna(row.early_stopping_patience)
    assert row.finished_at >= row.started_at
    assert frame.topology.dtype == "category"
    assert str(frame.started_at.dtype) == "datetime64[us, UTC]"
    assert str(frame.depth.dtype) == "Int64"
    assert load_replicates("digits", database).validation_correct[1] == b"\x00\xff\x10"
    assert load_members(None, database).diverged.tolist() == [False, True, False, True]
    assert load_learning_curves("digits", database).train_loss.tolist() == [1 / 3] * 6
    assert load_layer_statistics("digits", database).gradient_norm.tolist() == [1e-300] * 4


def test_a_trial_is_finished_once_however_often_the_batch_is_sent(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial(), new_trial()], lease)
    storage.batches.finish_trials(study_id, [finished(0)], lease)
    report = storage.batches.finish_trials(study_id, [finished(0), finished(1)], lease)
    assert (report.already_written, report.written, report.refused) == ((0,), (1,), ())
    assert counts(database) == {name: 2 * rows for name, rows in ROWS.items()}


def test_a_trial_that_someone_else_ended_is_refused_and_gets_no_rows(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial(), new_trial()], lease)
    study = optuna.load_study(study_name="digits", storage=storage)
    study.tell(0, state=TrialState.FAIL)
    report = storage.batches.finish_trials(study_id, [finished(0), finished(1)], lease)
    assert (report.refused, report.written) == ((0,), (1,))
    assert counts(database) == ROWS


def test_a_bad_row_undoes_the_whole_batch(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial(), new_trial()], lease)
    wrong = finished(1, members=[{"replicate": 0, "member": 0, "acuracy": 1.0}])
    with pytest.raises(RowsRefused, match="members has no column 'acuracy'"):
        storage.batches.finish_trials(study_id, [finished(0), wrong], lease)
    assert len(storage.batches.running_trials(study_id)) == 2
    assert counts(database) == dict.fromkeys(ROWS, 0)


def test_failed_and_pruned_trials_have_their_rows_too(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial(), new_trial()], lease)
    failed = finished(0, TrialState.FAIL, result={"error": "out of memory"}, members=())
    storage.batches.finish_trials(study_id, [failed, finished(1, TrialState.PRUNED)], lease)
    frame = load_results("digits", database)
    assert frame.state.tolist() == ["FAIL", "PRUNED"]
    assert frame.error[0] == "out of memory"


def test_a_trial_that_is_taken_back_keeps_number_and_parameters_and_is_begun_again(
    database: Database,
):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    made = storage.batches.create_trials(study_id, [new_trial(d) for d in (1, 2, 3)], lease)
    assert storage.batches.take_back(study_id, [0, 2], lease) == (0, 2)
    assert [t.number for t in storage.batches.running_trials(study_id)] == [1]
    (again,) = TrialStorage(database).batches.start_waiting(study_id, lease, limit=1)
    assert (again.number, again.params) == (0, made[0].params)
    assert again.state is TrialState.RUNNING
    assert again.datetime_start >= made[0].datetime_start
    assert [t.number for t in storage.batches.running_trials(study_id)] == [0, 1]


def test_whether_trials_wait_is_asked_of_one_study_alone(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    other = optuna.create_study(study_name="another", storage=storage)
    other.enqueue_trial({"depth": 7})
    storage.batches.create_trials(study_id, [new_trial(1)], lease)
    assert not storage.batches.has_waiting(study_id)
    storage.batches.take_back(study_id, [0], lease)
    assert storage.batches.has_waiting(study_id)
    storage.batches.start_waiting(study_id, lease, limit=1)
    assert not storage.batches.has_waiting(study_id)


def test_enqueued_trials_are_begun_and_get_their_parameters(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    optuna.load_study(study_name="digits", storage=storage).enqueue_trial({"depth": 7})
    (begun,) = storage.batches.start_waiting(study_id, lease, limit=10)
    assert begun.system_attrs["fixed_params"] == {"depth": 7}
    (given,) = storage.batches.set_parameters(study_id, {0: ({"depth": 7}, DISTRIBUTIONS)}, lease)
    assert given.params == {"depth": 7}
    more = {0: ({"depth": 1, "activation": None}, DISTRIBUTIONS)}
    (given,) = storage.batches.set_parameters(study_id, more, lease)
    assert given.params == {"depth": 7, "activation": None}


def test_a_measurement_that_is_not_a_number_is_missing_on_both_databases(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial()], lease)
    nan = float("nan")
    rows = [{"replicate": 0, "epoch": 1, "train_loss": nan, "test_loss": float("inf")}]
    end = finished(0, result={"test_loss": nan}, learning_curves=rows)
    storage.batches.finish_trials(study_id, [end], lease)
    with database.read() as connection:
        assert connection.scalar(select(results.c.test_loss)) is None
        columns = (learning_curves.c.train_loss, learning_curves.c.test_loss)
        assert connection.execute(select(*columns)).one() == (None, float("inf"))


def test_an_objective_value_that_is_not_a_number_is_refused(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial()], lease)
    with pytest.raises(RowsRefused, match="must not be NaN"):
        storage.batches.finish_trials(study_id, [finished(0, values=[float("nan")])], lease)


def test_numbers_are_without_gaps_when_many_add_trials_at_once(database_url: str):
    with open_database(database_url) as database:
        study_id = make_run(database).study_id
        lease = take_lease(database)
        theirs = stock(database_url)
        adding = [
            lambda: TrialStorage(database).batches.create_trials(
                study_id, [new_trial()] * 3, lease
            ),
            lambda: TrialStorage(database).create_new_trial(study_id),
            lambda: theirs.create_new_trial(study_id),
        ]
        with ThreadPoolExecutor(6) as pool:
            for added in [pool.submit(add) for _ in range(5) for add in adding]:
                added.result()
        numbers = [trial.number for trial in theirs.get_all_trials(study_id)]
        assert numbers == list(range(25))
        assert [t.number for t in TrialStorage(database).get_all_trials(study_id)] == numbers
        close(theirs)


def test_unknown_trials_are_named(database: Database):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    with pytest.raises(TrialNotFound, match="no trial 4"):
        TrialStorage(database).batches.finish_trials(study_id, [finished(4)], lease)


def test_a_coordinator_keeps_its_distributions_whatever_other_programs_made_of_a_name(
    database: Database,
):
    study_id = make_run(database).study_id
    lease = take_lease(database)
    other = {"activation": optuna.distributions.CategoricalDistribution(("elu",))}
    theirs = optuna.trial.create_trial(params={"activation": "elu"}, distributions=other, value=1)
    TrialStorage(database).create_new_trial(study_id, theirs)
    (ours,) = TrialStorage(database).batches.create_trials(study_id, [new_trial()], lease)
    assert ours.distributions["activation"] == DISTRIBUTIONS["activation"]
    stored = TrialStorage(database).get_all_trials(study_id)
    assert [trial.params["activation"] for trial in stored] == ["elu", ours.params["activation"]]


def test_without_its_lease_a_coordinator_writes_nothing(database: Database):
    study_id = make_run(database).study_id
    lost = take_lease(database, seconds=0.0)
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial(), new_trial()], lost)
    acquire_lease(database, "digits", Owner("elsewhere", 1), 60.0)
    attempts = (
        lambda: storage.batches.create_trials(study_id, [new_trial()], lost),
        lambda: storage.batches.finish_trials(study_id, [finished(0)], lost),
        lambda: storage.batches.take_back(study_id, [0], lost),
        lambda: storage.batches.set_parameters(study_id, {0: ({}, {})}, lost),
        lambda: TrialStorage(database, lost).create_new_trial(study_id),
        lambda: TrialStorage(database, lost).set_study_user_attr(study_id, "note", 1),
    )
    for attempt in attempts:
        with pytest.raises(LeaseLost, match="process 1 on elsewhere has it now"):
            attempt()
    assert [t.state for t in storage.get_all_trials(study_id)] == [TrialState.RUNNING] * 2
    assert counts(database) == dict.fromkeys(ROWS, 0)
