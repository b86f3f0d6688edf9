"""Whether a study that is in the database may go on with what was launched now, and whether
there is anything left to do."""

from collections.abc import Mapping
from typing import Any

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.errors import DatabaseMissing, StudyNotFound
from storage.reading.recorded_trial import read_recorded_numbers
from storage.studies.runs import StudyRun, read_run
from storage.trials.storage import TrialStorage
from study.coordinator.coordinator import seconds_searched
from study.errors import InvalidInput
from study.launching.fresh_training import parts_of_best
from study.launching.plan import Plan, bounds_of
from study.sampling.admission import tried_configurations
from study.specification.space import check_claims, space_size
from study.specification.spec import StudySpec, identity
from study.specification.stored import stored_specification


def known_run(database: Database, name: str) -> StudyRun | None:
    """The study of that name; None: there is none yet. Raises StudyWithoutRun."""
    try:
        return read_run(database, name)
    except StudyNotFound:
        return None


def known_run_in(storage: str, name: str) -> StudyRun | None:
    """The study of that name; None: there is none yet, or no database."""
    try:
        with open_database(storage, create=False) as database:
            return known_run(database, name)
    except DatabaseMissing:
        return None


# Settings of `training` that had another default in an earlier version.
FORMER_DEFAULTS = {"replicates": 3}


def as_begun(spec: StudySpec, run: StudyRun | None) -> StudySpec:
    """The specification of a study that goes on, with what an earlier version meant by it.

    What became another default since then, and is not said, is as it was when the study was begun.
    Raises InvalidInput where what is stored is no specification.
    """
    if run is None:
        return spec
    begun = stored_specification(run.specification, spec.name)
    data, training = spec.data, spec.training
    if "untrained_inputs" not in data.model_fields_set:
        data = data.model_copy(update={"untrained_inputs": begun.data.untrained_inputs})
    if data.columns is None:
        data = data.model_copy(update={"columns": begun.data.columns, "rules": begun.data.rules})
    for name, former in FORMER_DEFAULTS.items():
        if name not in training.model_fields_set and getattr(begun.training, name) == former:
            training = training.model_copy(update={name: former})
    return spec.model_copy(update={"data": data, "training": training})


def check_new_claims(spec: StudySpec, run: StudyRun | None) -> None:
    """Refuse claims about levels that there are not; those that a study was begun with stay, not
    decided.

    Raises:
        InvalidInput: naming the first such level.
    """
    begun = None if run is None else stored_specification(run.specification, spec.name)
    check_claims(spec, known=() if begun is None else begun.claims)


def is_over(spec: StudySpec, trials: TrialStorage, study_id: int) -> bool:
    """Whether nothing is left to do: neither to search nor to confirm."""
    if not search_is_over(spec, trials, study_id):
        return False
    return spec.confirm is None or not parts_of_best(spec, spec.confirm, trials, study_id)


def search_is_over(spec: StudySpec, trials: TrialStorage, study_id: int) -> bool:
    """Whether there is no trial to finish, none to create, or no time."""
    bounds = bounds_of(spec)
    if bounds.seconds is not None and seconds_searched(trials, study_id) >= bounds.seconds:
        return True
    known = trials.get_all_trials(study_id, deepcopy=False)
    if any(not trial.state.is_finished() for trial in known):
        return False
    if bounds.trials is not None and len(known) >= bounds.trials:
        return True
    return grid_is_complete(spec, trials, study_id)


def grid_is_complete(spec: StudySpec, trials: TrialStorage, study_id: int) -> bool:
    """Whether the sampler is a grid of which every point has been tried."""
    size = space_size(spec)
    if size is None or not spec.sampler.needs_levels:
        return False
    known = trials.get_all_trials(study_id, deepcopy=False)
    if len(known) < size:
        return False
    recorded = read_recorded_numbers(trials.database, spec.name)
    return len(tried_configurations(spec, known, recorded)) >= size


def check_same_study(run: StudyRun, plan: Plan) -> None:
    """Refuse a launch that would mix two searches, or two data sets, under one name.

    Raises:
        InvalidInput: naming the first field that differs, or the data.
    """
    name = plan.spec.name
    if run.data_sha256 is not None and run.data_sha256 != plan.dataset.sha256:
        raise InvalidInput(
            f"study {name!r} was begun with other data (content hash {run.data_sha256[:12]}…, now "
            f"{plan.dataset.sha256[:12]}…); give the same data, or another name with --name"
        )
    check_same_search(run, plan.spec)


def check_same_search(run: StudyRun, spec: StudySpec) -> None:
    """Refuse another search under the study's name; whatever its data are.

    What is stored may lack what later versions added: it is read as they read it, with defaults.

    Raises:
        InvalidInput: naming the first field that differs, or what is wrong in what is stored.
    """
    name = spec.name
    stored = stored_specification(run.specification, name)
    difference = first_difference(identity(stored.document()), identity(spec.document()))
    if difference is not None:
        field, before, now = difference
        raise InvalidInput(
            f"study {name!r} was begun with {field} = {_shown(before)}, found {_shown(now)}; "
            "only its budget may change: use that value, or another name with --name"
        )


def first_difference(before: Any, now: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """The first place, dotted, where two documents differ, with both values; None: nowhere."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(key for key in now if key not in before)]:
            inner = f"{path}.{key}" if path else str(key)
            found = first_difference(before.get(key), now.get(key), inner)
            if found is not None:
                return found
        return None
    return None if before == now else (path, before, now)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {inner}" for key, inner in value.items()) + "}"
    return str(value)
