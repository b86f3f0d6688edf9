"""The trials of a study in batches: made, begun, given parameters, finished, and taken back.

    (new) ──create_trials──► RUNNING ──finish_trials──► COMPLETE, PRUNED, FAIL
                             │    ▲
                     take_back    start_waiting
                             ▼    │
             (enqueued) ──► WAITING

Each writing method is one transaction: it happens as a whole or not at all. Each checks the lease
in that transaction, and raises LeaseLost without a trace when it is no longer held. Each can be
called again when the answer to a commit was lost; create_trials, alone, would then make other
trials. For a study that was deleted they raise LeaseLost or StudyNotFound, and ValueError for a
lease on another study.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection

from storage.database.attributes import attribute_rows
from storage.database.engine import Database
from storage.errors import TrialNotFound
from storage.studies.leases import Lease, fence
from storage.studies.optuna_studies import require_study
from storage.trials import reads, writes
from storage.trials.cache import StudyTrials, TrialCache, garbage_collection_paused
from storage.trials.conversion import TrialRows, parameter_rows, utc_now
from storage.trials.distributions import DistributionEncoder
from storage.trials.records import FinishedTrial, FinishReport, NewTrial
from storage.trials.results import already_written, write_finished


class TrialBatches:
    """What a coordinator does with its trials. Thread-safe."""

    def __init__(self, database: Database, cache: TrialCache) -> None:
        self._database = database
        self._cache = cache

    def create_trials(
        self, study_id: int, trials: Sequence[NewTrial], lease: Lease
    ) -> list[FrozenTrial]:
        """Make RUNNING trials with their parameters, numbered without gaps.

        The distributions may contradict those of trials that other programs made.
        Raises LeaseLost, KeyError for a parameter without a distribution.
        """
        with self._cache.lock, garbage_collection_paused():
            known = self._cache.known(study_id)
            batch = self._insert(study_id, trials, lease, known)
            # Where others made trials in between, a refresh has to read them all in order.
            in_order = bool(batch) and known.is_next(batch[0].number)
            shown = known if in_order else StudyTrials(known.objectives)
            return [shown.add_rows(rows) for rows in batch]

    def _insert(
        self, study_id: int, trials: Sequence[NewTrial], lease: Lease, known: StudyTrials
    ) -> list[TrialRows]:
        encode = DistributionEncoder()
        with self._database.write() as connection:
            _fence(connection, study_id, lease)
            require_study(connection, study_id, lock=True)
            number = writes.next_number(connection, study_id, known.newest)
            ids = writes.new_trial_ids(connection, len(trials))
            now = utc_now()
            batch = [
                TrialRows(
                    trial_id,
                    number + place,
                    TrialState.RUNNING,
                    now,
                    parameters=parameter_rows(trial.parameters, trial.distributions, encode),
                    user_attributes=attribute_rows(trial.user_attributes),
                    system_attributes=attribute_rows(trial.system_attributes),
                )
                for place, (trial_id, trial) in enumerate(zip(ids, trials, strict=True))
            ]
            writes.insert_trials(connection, study_id, batch)
            writes.analyze(connection, number, number + len(batch))
        return batch

    def has_waiting(self, study_id: int) -> bool:
        """Whether a trial of the study waits, enqueued or taken back, to be begun."""
        with self._database.read() as connection:
            return reads.has_waiting(connection, study_id)

    def start_waiting(self, study_id: int, lease: Lease, limit: int) -> list[FrozenTrial]:
        """Set the first `limit` WAITING trials RUNNING: enqueued by others, or taken back.

        Trials that were taken back have their parameters, enqueued ones have some or none.
        Raises LeaseLost.
        """
        with self._cache.lock:
            waiting = self._cache.refreshed(study_id).in_state(TrialState.WAITING)[:limit]
            if not waiting:
                return []
            now = utc_now()
            with self._database.write() as connection:
                _fence(connection, study_id, lease)
                ids = self._cache.trial_ids(study_id, (trial.number for trial in waiting))
                locked = reads.lock_trials(connection, list(ids.values()))
                begun = [i for i, t in locked.items() if t.state is TrialState.WAITING]
                running = [(i, TrialState.RUNNING, {"datetime_start": now}) for i in begun]
                writes.set_states(connection, running)
            known = self._cache.refreshed(study_id)
            return [trial for i in begun if (trial := known.by_id(i)) is not None]

    def set_parameters(
        self,
        study_id: int,
        parameters: Mapping[int, tuple[Mapping[str, Any], Mapping[str, BaseDistribution]]],
        lease: Lease,
    ) -> list[FrozenTrial]:
        """Give unfinished trials parameters, by number; those that they have stay as they are.

        Returns the trials. Raises LeaseLost, TrialNotFound for one that is not there or has ended,
        KeyError for a parameter without a distribution.
        """
        encode = DistributionEncoder()
        with self._cache.lock:
            ids = self._cache.trial_ids(study_id, parameters)
            with self._database.write() as connection:
                _fence(connection, study_id, lease)
                locked = reads.lock_trials(connection, list(ids.values()))
                stored = {t.trial_id: t for t in reads.read_trials(connection, locked)}
                batch = []
                for number, (values, given) in parameters.items():
                    rows = stored.get(ids[number])
                    if rows is None or rows.state.is_finished():
                        raise TrialNotFound(f"trial {number} has ended and takes no parameters")
                    have = {name for name, _, _ in rows.parameters}
                    new = parameter_rows(values, given, encode)
                    batch.append(
                        replace(rows, parameters=[row for row in new if row[0] not in have])
                    )
                writes.write_children(connection, "parameters", batch, replace=False)
            known = self._cache.refreshed(study_id)
            return [t for i in ids.values() if (t := known.by_id(i)) is not None]

    def running_trials(self, study_id: int) -> list[FrozenTrial]:
        """The RUNNING trials by number, as a coordinator that takes over finds them."""
        with self._cache.lock:
            return self._cache.refreshed(study_id).in_state(TrialState.RUNNING)

    def finish_trials(
        self, study_id: int, finished: Sequence[FinishedTrial], lease: Lease
    ) -> FinishReport:
        """Finish RUNNING trials: Optuna's rows and ours, for all of them, in one transaction.

        Raises LeaseLost, TrialNotFound, RowsRefused, TypeError for an attribute that JSON cannot
        hold.
        """
        now = datetime.now(UTC)
        with self._cache.lock, garbage_collection_paused():
            ids = self._cache.trial_ids(study_id, (trial.number for trial in finished))
            with self._database.write() as connection:
                run = _fence(connection, study_id, lease)
                locked = reads.lock_trials(connection, list(ids.values()))
                running = {t.number: t for t in locked.values() if t.state is TrialState.RUNNING}
                late = [trial for trial in finished if trial.number not in running]
                same = already_written(connection, late, ids) if late else frozenset()
                written = [
                    replace(
                        trial,
                        started_at=trial.started_at or running[trial.number].started_at,
                        finished_at=trial.finished_at or now,
                    )
                    for trial in finished
                    if trial.number in running
                ]
                write_finished(connection, run.study, written, ids)
        return FinishReport(
            tuple(trial.number for trial in written),
            tuple(trial.number for trial in late if trial.number in same),
            tuple(trial.number for trial in late if trial.number not in same),
        )

    def take_back(self, study_id: int, numbers: Collection[int], lease: Lease) -> tuple[int, ...]:
        """Set RUNNING trials WAITING, with their parameters; returns the numbers of those that are.

        They are begun again under the same number by start_waiting. Raises LeaseLost,
        TrialNotFound.
        """
        with self._cache.lock, self._database.write() as connection:
            _fence(connection, study_id, lease)
            ids = self._cache.trial_ids(study_id, numbers)
            locked = reads.lock_trials(connection, list(ids.values())).values()
            running = [t.trial_id for t in locked if t.state is TrialState.RUNNING]
            waiting = [(i, TrialState.WAITING, {"datetime_start": None}) for i in running]
            writes.set_states(connection, waiting)
            return tuple(t.number for t in locked if not t.state.is_finished())


def _fence(connection: Connection, study_id: int, lease: Lease) -> Any:
    if lease.study_id != study_id:
        raise ValueError(f"the lease is on study number {lease.study_id}, not {study_id}")
    return fence(connection, lease)
