"""Changes through the dashboard, on both databases."""

import optuna
import pytest
from optuna.study import StudyDirection

from storage.database.opening import open_database
from storage.errors import StudyNotFound
from storage.reading.frames import load_results
from storage.studies.names import list_names
from storage.studies.runs import read_run
from storage.trials.storage import TrialStorage
from tests.integration.dashboard.conftest import Serve, Served
from tests.integration.storage.studies import make_run, take_lease
from tests.integration.storage.test_following import measured_study, none_of, rows


@pytest.fixture
def served(database_url, serve: Serve) -> Served:
    return serve(database_url, allow_edit=True)


def test_a_study_is_listed_shown_annotated_renamed_and_deleted_with_all_that_was_measured(
    database, database_url, served: Served
):
    study_id = measured_study(database, "digits")
    measured_study(database, "kept", count=1)
    before = rows(database)
    first, _ = served("GET", "/api/studies").json["study_summaries"]
    assert first["study_name"] == "digits"
    detail = served("GET", f"/api/studies/{study_id}").json
    assert [trial["number"] for trial in detail["trials"]] == [0, 1, 2, 3]
    note = {"body": "a *note*", "version": 1}
    assert served("PUT", f"/api/studies/{study_id}/note", note).status == 204

    renamed = served("POST", f"/api/studies/{study_id}/rename", {"study_name": "züge 2"})
    assert renamed.status == 201
    assert renamed.json == {**first, "study_name": "züge 2"}
    assert rows(database) == before
    assert read_run(database, "züge 2").specification["name"] == "züge 2"
    assert len(load_results("züge 2", database)) == 3
    shown = served("GET", f"/api/studies/{study_id}").json
    assert (shown["name"], shown["note"]) == ("züge 2", note)
    assert shown["trials"] == detail["trials"]
    optuna.load_study(study_name="züge 2", storage=TrialStorage(database))
    with pytest.raises(StudyNotFound):
        load_results("digits", database)

    assert served("DELETE", f"/api/studies/{study_id}").status == 204
    assert list_names(database) == ["kept"]
    assert rows(database)["results"] == 1
    (kept,) = served("GET", "/api/studies").json["study_summaries"]
    assert served("DELETE", f"/api/studies/{kept['study_id']}").status == 204
    assert rows(database) == none_of(rows(database))


@pytest.mark.parametrize("path", ["rename", "rename/", "rename//"])
def test_there_is_no_way_to_optuna_s_own_rename(database, served: Served, path):
    study_id = measured_study(database, "digits")
    answer = served("POST", f"/api/studies/{study_id}/{path}", {"study_name": "other"})
    assert (answer.status, answer.json["study_id"]) == (201, study_id)
    assert rows(database)["results"] == 3


def test_a_study_that_is_worked_on_stays_as_it_is_and_says_who_has_it(database, served: Served):
    run = make_run(database)
    lease = take_lease(database)
    for answer in (
        served("POST", f"/api/studies/{run.study_id}/rename", {"study_name": "other"}),
        served("DELETE", f"/api/studies/{run.study_id}"),
    ):
        assert answer.status == 409
        assert str(lease.owner) in answer.json["reason"]
        assert answer.json["reason"].endswith("stop it first")
    assert list_names(database) == ["digits"]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"study_name": "kept"}, 400, "a study called 'kept' exists already"),
        ({"study_name": "a/b"}, 400, "study_name: found 'a/b'; a name has 1 to 200 characters"),
        ({"study_name": ""}, 400, "found ''"),
        ({"study_name": 3}, 400, "give the new name"),
        ({}, 400, "give the new name"),
        ([], 400, "give the new name"),
        (b"{", 400, "give the new name"),
        (b"", 400, "give the new name"),
    ],
)
def test_a_name_that_cannot_be_given_is_refused(sqlite_url, serve: Serve, body, status, reason):
    served = serve(sqlite_url, allow_edit=True)
    with open_database(sqlite_url) as database:
        study_id = measured_study(database, "digits")
        measured_study(database, "kept")
        answer = served("POST", f"/api/studies/{study_id}/rename", body)
        assert answer.status == status
        assert reason in answer.json["reason"]
        assert list_names(database) == ["digits", "kept"]
        assert served("POST", "/api/studies/99/rename", {"study_name": "x"}).status == 404
        assert served("DELETE", "/api/studies/99").status == 404


def test_trials_that_are_trained_are_not_finished_by_hand_and_others_are(sqlite_url, serve: Serve):
    served = serve(sqlite_url, allow_edit=True)
    with open_database(sqlite_url) as database:
        measured_study(database, "digits")
        storage = TrialStorage(database)
        running = storage.get_trial_id_from_study_id_trial_number(1, 3)
        theirs = storage.create_new_trial(
            storage.create_new_study([StudyDirection.MINIMIZE], "optuna's")
        )
        done = {"state": "Complete", "values": [0.5]}
        refused = served("POST", f"/api/trials/{running}/tell", done)
        assert refused.status == 409
        assert "study 'digits' are finished by training" in refused.json["reason"]
        assert served("POST", f"/api/trials/{theirs}/tell", done).status == 204
        assert not storage.get_trial(running).state.is_finished()
        assert storage.get_trial(theirs).values == [0.5]
