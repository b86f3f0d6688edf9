"""Changes through the dashboard that Optuna would make without knowing of measurements and leases.

Its rename copies every trial to a new study and deletes the old one, with what was measured. Its
delete asks nobody whether a coordinator is at work.
"""

from typing import Any

from storage.database.engine import Database
from storage.errors import LeaseHeld, StudyExists, StudyNotFound
from storage.studies.deletion import delete_study, rename_study
from storage.studies.names import run_of_trial
from study.dashboard.routes import find, line, replace
from study.errors import InvalidInput
from study.specification.names import checked_name


def add_editing(app: Any, database: Database) -> None:
    """Replace Optuna's rename and delete by ours, and refuse to finish by hand the trials that we
    train."""
    from bottle import HTTPError, request, response

    def rename(study_id: int) -> dict[str, Any]:
        try:
            document = request.json
        except HTTPError:
            document = None
        if not isinstance(document, dict) or not isinstance(document.get("study_name"), str):
            return line(400, 'give the new name: {"study_name": "…"}')
        try:
            rename_study(database, study_id, checked_name(document["study_name"], "study_name"))
        except (InvalidInput, StudyExists) as error:
            return line(400, str(error))
        except StudyNotFound as error:
            return line(404, str(error))
        except LeaseHeld as held:
            return line(409, f"{held}; stop it first")
        response.status = 201
        return shown(study_id)

    def shown(study_id: int) -> dict[str, Any]:
        studies: list[dict[str, Any]] = theirs_list()["study_summaries"]
        return next(study for study in studies if study["study_id"] == study_id)

    def delete(study_id: int) -> dict[str, Any]:
        response.content_type = "application/json"
        try:
            delete_study(database, study_id)
        except StudyNotFound as error:
            return line(404, str(error))
        except LeaseHeld as held:
            return line(409, f"{held}; stop it first")
        response.status = 204
        return {}

    def tell(trial_id: int) -> Any:
        with database.read() as connection:
            study = run_of_trial(connection, trial_id)
        if study is not None:
            return line(409, f"trials of study {study!r} are finished by training, not by hand")
        return theirs_tell(trial_id=trial_id)

    rule = "/api/studies/<study_id:int>"
    theirs_list = find(app, "GET", "/api/studies")
    replace(app, "POST", f"{rule}/rename", rename)
    replace(app, "DELETE", rule, delete)
    theirs_tell = replace(app, "POST", "/api/trials/<trial_id:int>/tell", tell)
