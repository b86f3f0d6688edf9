"""An Optuna storage over Optuna's own tables, with its own cache.

Any Optuna program works on it as on Optuna's storage, and on the same database beside it. A
coordinator uses its batches (storage.trials.batches), which cost a fraction per trial. With a lease
every write to the lease's study is fenced, also one that a sampler makes through Optuna: it then
raises LeaseLost once the lease is lost.

Thread-safe. Trials that were handed out never change; what comes without deepcopy is shared.
Everything raises storage.errors; StudyNotFound and TrialNotFound are the KeyErrors that Optuna
expects.
"""

import copy
import uuid
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection

# BaseStorage.get_all_studies must return it, and Optuna exports it from nowhere else.
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Table

from storage.database.attributes import attribute_rows, read_attributes
from storage.database.engine import Database
from storage.errors import StudyExists, StudyNotFound, TrialNotFound
from storage.studies.deletion import delete_study_rows
from storage.studies.leases import Lease, fence
from storage.studies.optuna_studies import (
    all_study_names,
    insert_study,
    read_directions,
    read_optuna_studies,
    require_study,
    study_id_of,
    write_study_attributes,
)
from storage.tables.optuna_schema import study_system_attributes, study_user_attributes
from storage.trials import reads, writes
from storage.trials.batches import TrialBatches
from storage.trials.cache import TrialCache
from storage.trials.conversion import (
    TrialRows,
    from_frozen_trial,
    to_frozen_trial,
    utc_now,
    value_rows,
    value_to_stored_repr,
)
from storage.trials.distributions import check_distributions


class TrialStorage(BaseStorage):
    """The studies and trials of one database, for Optuna; batches are for a coordinator.

    Picklable: the cache stays behind.
    """

    def __init__(self, database: Database, lease: Lease | None = None) -> None:
        self.database = database
        self._lease = lease
        self._cache = TrialCache(database)
        self.batches = TrialBatches(database, self._cache)

    def __getstate__(self) -> dict[str, Any]:
        return {"database": self.database, "lease": self._lease}

    def __setstate__(self, state: dict[str, Any]) -> None:
        TrialStorage.__init__(self, state["database"], state["lease"])

    @contextmanager
    def _writing(self, study_id: int) -> Iterator[Connection]:
        """A transaction that writes to the study, fenced if our lease is on it."""
        with self.database.write() as connection:
            if self._lease is not None and self._lease.study_id == study_id:
                fence(connection, self._lease)
            yield connection

    # Studies

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """A study of Optuna's alone; storage.studies.runs.create_run makes one with our record of
        it. Raises Optuna's DuplicatedStudyError."""
        name = f"no-name-{uuid.uuid4()}" if study_name is None else study_name
        try:
            with self.database.write() as connection:
                return insert_study(connection, name, [d.name for d in directions])
        except StudyExists:
            raise DuplicatedStudyError(f"a study called {name!r} exists already") from None

    def delete_study(self, study_id: int) -> None:
        """Optuna's rows and ours. Raises StudyNotFound."""
        with self._cache.lock, self._writing(study_id) as connection:
            require_study(connection, study_id, lock=True)
            delete_study_rows(connection, study_id)
            self._cache.forget(study_id)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set or replace. Raises StudyNotFound, TypeError for a value that JSON cannot hold."""
        self._set_study_attribute(study_user_attributes, study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set or replace. Raises StudyNotFound, TypeError for a value that JSON cannot hold."""
        self._set_study_attribute(study_system_attributes, study_id, key, value)

    def _set_study_attribute(self, table: Table, study_id: int, key: str, value: Any) -> None:
        with self._writing(study_id) as connection:
            require_study(connection, study_id)
            write_study_attributes(connection, table, study_id, {key: value})

    def get_study_id_from_name(self, study_name: str) -> int:
        """Raises StudyNotFound."""
        with self.database.read() as connection:
            study_id = study_id_of(connection, study_name)
            if study_id is None:
                raise StudyNotFound(study_name, all_study_names(connection))
            return study_id

    def get_study_name_from_id(self, study_id: int) -> str:
        """Not cached: a study can be renamed. Raises StudyNotFound."""
        with self.database.read() as connection:
            return require_study(connection, study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Raises StudyNotFound."""
        with self.database.read() as connection:
            require_study(connection, study_id)
            names = read_directions(connection, study_id).get(study_id, ())
        return [StudyDirection[name] for name in names]

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Raises StudyNotFound."""
        return self._study_attributes(study_user_attributes, study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Raises StudyNotFound."""
        return self._study_attributes(study_system_attributes, study_id)

    def _study_attributes(self, table: Table, study_id: int) -> dict[str, Any]:
        with self.database.read() as connection:
            require_study(connection, study_id)
            return read_attributes(connection, table, table.c.study_id, study_id)

    def get_all_studies(self) -> list[FrozenStudy]:
        """In the order of their ids."""
        with self.database.read() as connection:
            found = read_optuna_studies(connection)
        return [
            FrozenStudy(
                study.name,
                None,
                study.user_attributes,
                study.system_attributes,
                study.study_id,
                directions=[StudyDirection[name] for name in study.directions],
            )
            for study in found
        ]

    # Trials

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """A RUNNING trial, or one like the template.

        Raises StudyNotFound, and for a template ValueError where its distributions contradict the
        study's earlier ones, RowsRefused for an objective value that is NaN, TypeError for an
        attribute that JSON cannot hold.
        """
        newest = self._cache.newest_id(study_id)
        with self._writing(study_id) as connection:
            require_study(connection, study_id, lock=True)
            number = writes.next_number(connection, study_id, newest)
            (trial_id,) = writes.new_trial_ids(connection, 1)
            rows = TrialRows(trial_id, number, TrialState.RUNNING, utc_now())
            if template_trial is not None:
                check_distributions(connection, study_id, template_trial.distributions)
                rows = from_frozen_trial(template_trial, trial_id, number)
            writes.insert_trials(connection, study_id, [rows])
        return trial_id

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """A parameter that the trial has already stays as it is.

        Raises TrialNotFound, ValueError for a distribution that contradicts the study's earlier
        ones, and Optuna's UpdateFinishedTrialError.
        """
        with self._updating(trial_id) as (connection, study_id, rows):
            check_distributions(connection, study_id, {param_name: distribution})
            known = reads.read_trials(connection, [trial_id])[0].parameters
            if param_name not in {name for name, _, _ in known}:
                text = distribution_to_json(distribution)
                rows.parameters.append((param_name, param_value_internal, text))
                writes.write_children(connection, "parameters", [rows], replace=False)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """False where RUNNING was asked for and the trial does not wait.

        Raises TrialNotFound, RowsRefused for a value that is NaN, and Optuna's
        UpdateFinishedTrialError.
        """
        with self._updating(trial_id) as (connection, _, rows):
            if state is TrialState.RUNNING and rows.state is not TrialState.WAITING:
                return False
            if values is not None:
                rows.values = value_rows(values)
                writes.write_children(connection, "values", [rows])
            times: dict[str, datetime | None] = {}
            if state is TrialState.RUNNING:
                times["datetime_start"] = utc_now()
            if state.is_finished():
                times["datetime_complete"] = utc_now()
            writes.set_states(connection, [(trial_id, state, times)])
        return True

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Set or replace. Raises TrialNotFound, and Optuna's UpdateFinishedTrialError."""
        with self._updating(trial_id) as (connection, _, rows):
            rows.intermediate_values.append((step, *value_to_stored_repr(intermediate_value)))
            writes.write_children(connection, "intermediate_values", [rows])

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set or replace. Raises as set_trial_intermediate_value, and TypeError for a value that
        JSON cannot hold."""
        with self._updating(trial_id) as (connection, _, rows):
            rows.user_attributes = attribute_rows({key: value})
            writes.write_children(connection, "user_attributes", [rows])

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set or replace. Raises as set_trial_intermediate_value, and TypeError for a value that
        JSON cannot hold."""
        with self._updating(trial_id) as (connection, _, rows):
            rows.system_attributes = attribute_rows({key: value})
            writes.write_children(connection, "system_attributes", [rows])

    @contextmanager
    def _updating(self, trial_id: int) -> Iterator[tuple[Connection, int, TrialRows]]:
        """A transaction on one unfinished trial, which stays as it is until the end of it.

        Its rows come without child rows. Raises TrialNotFound, and Optuna's
        UpdateFinishedTrialError.
        """
        study_id = self._study_of(trial_id)
        with self._writing(study_id) as connection:
            rows = reads.lock_trials(connection, [trial_id]).get(trial_id)
            if rows is None:
                raise _no_trial(trial_id)
            self.check_trial_is_updatable(trial_id, rows.state)
            yield connection, study_id, rows

    def _study_of(self, trial_id: int) -> int:
        with self.database.read() as connection:
            study_id = reads.study_of_trial(connection, trial_id)
        if study_id is None:
            raise _no_trial(trial_id)
        return study_id

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Finished trials come from the cache. Raises TrialNotFound."""
        if (finished := self._cache.finished_trial(trial_id)) is not None:
            return finished
        with self.database.read() as connection:
            found = reads.read_trials(connection, [trial_id])
        if not found:
            raise _no_trial(trial_id)
        return to_frozen_trial(found[0])

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """Raises StudyNotFound, TrialNotFound."""
        return self._cache.trial_ids(study_id, [trial_number])[trial_number]

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """By number. Raises StudyNotFound."""
        with self._cache.lock:
            found = self._cache.refreshed(study_id).all()
        if states is not None:
            found = [trial for trial in found if trial.state in states]
        return copy.deepcopy(found) if deepcopy else found


def _no_trial(trial_id: int) -> TrialNotFound:
    return TrialNotFound(f"there is no trial with id {trial_id}")
