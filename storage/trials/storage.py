"""An Optuna storage over Optuna's own tables, with its own cache.

Any Optuna program works on it as on Optuna's storage, and on the same database beside it. A
coordinator uses its batches (storage.trials.batches), which cost a fraction per trial. With a lease
every write to the lease's study is fenced, also one that a sampler makes through Optuna.

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
from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import IntegrityError

from storage.database.attributes import attribute_rows, decode, read_attributes
from storage.database.bulk import insert_rows
from storage.errors import StudyNotFound, TrialNotFound
from storage.studies.deletion import delete_study_rows
from storage.studies.runs import insert_study
from storage.tables.optuna_schema import (
    studies,
    study_directions,
    study_system_attributes,
    study_user_attributes,
)
from storage.trials import reads, writes
from storage.trials.batches import TrialBatches
from storage.trials.compatibility import check_distributions
from storage.trials.conversion import TrialRows, freeze, pack, thaw, utc_now, value_rows


class TrialStorage(TrialBatches, BaseStorage):
    """The trials and studies of one database, for Optuna and for a coordinator."""

    # Studies

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """A study of Optuna's alone; storage.studies.runs.create_run makes one with our record of
        it."""
        name = f"no-name-{uuid.uuid4()}" if study_name is None else study_name
        with self.database.write() as connection:
            if connection.scalar(select(studies.c.study_id).where(studies.c.study_name == name)):
                raise DuplicatedStudyError(f"a study called {name!r} exists already")
            try:
                return insert_study(connection, name, [d.name for d in directions])
            except IntegrityError:  # someone was faster by a moment
                raise DuplicatedStudyError(f"a study called {name!r} exists already") from None

    def delete_study(self, study_id: int) -> None:
        """Optuna's rows and ours."""
        with self._lock, self._writing(study_id) as connection:
            reads.require_study(connection, study_id, lock=True)
            delete_study_rows(connection, study_id)
            self._caches.pop(study_id, None)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set or replace one attribute."""
        self._set_study_attribute(study_user_attributes, study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set or replace one attribute."""
        self._set_study_attribute(study_system_attributes, study_id, key, value)

    def _set_study_attribute(self, table: Table, study_id: int, key: str, value: Any) -> None:
        row = (study_id, *attribute_rows({key: value})[0])
        with self._writing(study_id) as connection:
            reads.require_study(connection, study_id)
            columns = ("study_id", "key", "value_json")
            insert_rows(connection, table, columns, [row], ("study_id", "key"))

    def get_study_id_from_name(self, study_name: str) -> int:
        """Raises StudyNotFound."""
        with self.database.read() as connection:
            query = select(studies.c.study_id).where(studies.c.study_name == study_name)
            study_id: int | None = connection.scalar(query)
            if study_id is None:
                known = connection.scalars(select(studies.c.study_name))
                raise StudyNotFound(study_name, sorted(known))
            return study_id

    def get_study_name_from_id(self, study_id: int) -> str:
        """Not cached: a study can be renamed. Raises StudyNotFound."""
        with self.database.read() as connection:
            return reads.require_study(connection, study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Raises StudyNotFound."""
        columns = study_directions.c
        query = select(columns.direction).where(columns.study_id == study_id)
        with self.database.read() as connection:
            reads.require_study(connection, study_id)
            names = connection.scalars(query.order_by(columns.objective)).all()
        return [StudyDirection[name] for name in names]

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Raises StudyNotFound."""
        return self._study_attributes(study_user_attributes, study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Raises StudyNotFound."""
        return self._study_attributes(study_system_attributes, study_id)

    def _study_attributes(self, table: Table, study_id: int) -> dict[str, Any]:
        with self.database.read() as connection:
            reads.require_study(connection, study_id)
            return read_attributes(connection, table, table.c.study_id, study_id)

    def get_all_studies(self) -> list[FrozenStudy]:
        """By id."""
        with self.database.read() as connection:
            rows = connection.execute(select(studies).order_by(studies.c.study_id)).all()
            found = {
                row.study_id: FrozenStudy(row.study_name, None, {}, {}, row.study_id, directions=[])
                for row in rows
            }
            ordered = select(study_directions).order_by(study_directions.c.objective)
            for row in connection.execute(ordered):
                found[row.study_id].directions.append(StudyDirection[row.direction])
            for row in connection.execute(select(study_user_attributes)):
                found[row.study_id].user_attrs[row.key] = decode(row.value_json)
            for row in connection.execute(select(study_system_attributes)):
                found[row.study_id].system_attrs[row.key] = decode(row.value_json)
        return list(found.values())

    # Trials

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """A RUNNING trial, or one like the template. Raises StudyNotFound."""
        with self._lock:
            cache = self._caches.get(study_id)
            newest = cache.newest if cache else None
        with self._writing(study_id) as connection:
            reads.require_study(connection, study_id, lock=True)
            number = writes.next_number(connection, study_id, newest)
            (trial_id,) = writes.new_trial_ids(connection, 1)
            rows = TrialRows(trial_id, number, TrialState.RUNNING, utc_now())
            if template_trial is not None:
                distributions = [template_trial.distributions]
                check_distributions(connection, study_id, None, distributions)
                rows = thaw(template_trial, trial_id, number)
            writes.insert_trials(connection, study_id, [rows])
        return trial_id

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """A parameter that the trial has already stays as it is. Raises TrialNotFound."""
        with self._updating(trial_id) as (connection, study_id, rows):
            check_distributions(connection, study_id, None, [{param_name: distribution}])
            known = reads.read_trials(connection, [trial_id])[0].parameters
            if param_name not in {name for name, _, _ in known}:
                text = distribution_to_json(distribution)
                rows.parameters.append((param_name, param_value_internal, text))
                writes.write_children(connection, "parameters", [rows], replace=False)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """False where RUNNING was asked for and the trial does not wait. Raises TrialNotFound."""
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
        """Set or replace. Raises TrialNotFound."""
        with self._updating(trial_id) as (connection, _, rows):
            rows.intermediate_values.append((step, *pack(intermediate_value)))
            writes.write_children(connection, "intermediate_values", [rows])

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set or replace. Raises TrialNotFound."""
        with self._updating(trial_id) as (connection, _, rows):
            rows.user_attributes = attribute_rows({key: value})
            writes.write_children(connection, "user_attributes", [rows])

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set or replace. Raises TrialNotFound."""
        with self._updating(trial_id) as (connection, _, rows):
            rows.system_attributes = attribute_rows({key: value})
            writes.write_children(connection, "system_attributes", [rows])

    @contextmanager
    def _updating(self, trial_id: int) -> Iterator[tuple[Connection, int, TrialRows]]:
        """A transaction on one unfinished trial, which stays as it is until the end of it.

        Nothing hangs on the rows that are given. Raises TrialNotFound, and Optuna's
        UpdateFinishedTrialError.
        """
        study_id = self._study_of(trial_id)
        with self._writing(study_id) as connection:
            rows = reads.locked_trials(connection, [trial_id]).get(trial_id)
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
        with self._lock:
            for cache in self._caches.values():
                known = cache.by_id(trial_id)
                if known is not None and known.state.is_finished():
                    return known
        with self.database.read() as connection:
            found = reads.read_trials(connection, [trial_id])
        if not found:
            raise _no_trial(trial_id)
        return freeze(found[0])

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """Raises TrialNotFound."""
        with self._lock:
            return self._ids(study_id, [trial_number])[trial_number]

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """By number. Raises StudyNotFound."""
        found = self.refresh(study_id)
        if states is not None:
            found = [trial for trial in found if trial.state in states]
        return copy.deepcopy(found) if deepcopy else found

    def has_waiting(self, study_id: int) -> bool:
        """Whether a trial of the study waits, enqueued or taken back, to be begun."""
        with self.database.read() as connection:
            return reads.has_waiting(connection, study_id)


def _no_trial(trial_id: int) -> TrialNotFound:
    return TrialNotFound(f"there is no trial with id {trial_id}")
