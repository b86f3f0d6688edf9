"""The trials of a study in batches: made, begun, given parameters, finished, and taken back.

    (new) ──create_trials──► RUNNING ──finish_trials──► COMPLETE, PRUNED, FAIL
                             │    ▲
                     take_back    start_waiting
                             ▼    │
             (enqueued) ──► WAITING

Each method is one transaction: it happens as a whole or not at all. Each checks the lease in that
transaction, and raises LeaseLost without a trace when it is no longer held. Each can be called
again when the answer to a commit was lost; create_trials, alone, would then make other trials.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, select

from storage import trial_reads, trial_writes
from storage.attributes import attribute_rows
from storage.cached_trials import CachedTrials
from storage.collector import collector_at_rest
from storage.errors import TrialNotFound
from storage.frozen import (
    DistributionEncoder,
    TrialRows,
    intermediate_rows,
    parameter_rows,
    to_utc,
    utc_now,
    value_rows,
)
from storage.leases import Lease, fence
from storage.results import Ending, insert_results
from storage.schema import results
from storage.trial_cache import StudyCache
from storage.trial_records import FinishedTrial, FinishReport, NewTrial


class TrialBatches(CachedTrials):
    """What a coordinator does with its trials."""

    def create_trials(
        self, study_id: int, trials: Sequence[NewTrial], lease: Lease
    ) -> list[FrozenTrial]:
        """Make RUNNING trials with their parameters, numbered without gaps.

        Raises LeaseLost, ValueError for a distribution that contradicts the study's earlier ones.
        """
        with self._lock, collector_at_rest():
            cache = self._known(study_id)
            batch = self._insert(study_id, trials, lease, cache)
            # Where others made trials in between, a refresh has to read them all in order.
            shown = cache if batch and cache.follows(batch[0].number) else StudyCache()
            return [shown.add(rows) for rows in batch]

    def _insert(
        self, study_id: int, trials: Sequence[NewTrial], lease: Lease, cache: StudyCache
    ) -> list[TrialRows]:
        encode = DistributionEncoder()
        with self.database.write() as connection:
            _fence(connection, study_id, lease)
            check_distributions(connection, study_id, cache, (t.distributions for t in trials))
            trial_reads.require_study(connection, study_id, lock=True)
            number = trial_writes.next_number(connection, study_id, cache.newest)
            ids = trial_writes.new_trial_ids(connection, len(trials))
            now = utc_now()
            batch = [
                TrialRows(
                    trial_id,
                    number + place,
                    TrialState.RUNNING,
                    now,
                    None,
                    parameter_rows(trial.parameters, trial.distributions, encode),
                    [],
                    attribute_rows(trial.user_attributes),
                    attribute_rows(trial.system_attributes),
                )
                for place, (trial_id, trial) in enumerate(zip(ids, trials, strict=True))
            ]
            trial_writes.insert_trials(connection, study_id, batch)
            trial_writes.analyze(connection, number, number + len(batch))
        return batch

    def start_waiting(self, study_id: int, lease: Lease, limit: int) -> list[FrozenTrial]:
        """Set the first `limit` WAITING trials RUNNING: enqueued by others, or taken back.

        Trials that were taken back have their parameters, enqueued ones have some or none.
        """
        with self._lock:
            waiting = self._refreshed(study_id).in_state(TrialState.WAITING)[:limit]
            if not waiting:
                return []
            now = utc_now()
            with self.database.write() as connection:
                _fence(connection, study_id, lease)
                ids = self._ids(study_id, (trial.number for trial in waiting))
                states = trial_reads.locked_states(connection, list(ids.values()))
                begun = [i for i, state in states.items() if state is TrialState.WAITING]
                running = [(i, TrialState.RUNNING, {"datetime_start": now}) for i in begun]
                trial_writes.set_states(connection, running)
            cache = self._refreshed(study_id)
            return [trial for i in begun if (trial := cache.by_id(i)) is not None]

    def set_parameters(
        self,
        study_id: int,
        parameters: Mapping[int, tuple[Mapping[str, Any], Mapping[str, BaseDistribution]]],
        lease: Lease,
    ) -> list[FrozenTrial]:
        """Give unfinished trials parameters, by number; those that they have stay as they are.

        Returns the trials. Raises LeaseLost, TrialNotFound for one that is not there or has ended,
        ValueError for a distribution that contradicts the study's earlier ones.
        """
        encode = DistributionEncoder()
        with self._lock:
            cache = self._known(study_id)
            ids = self._ids(study_id, parameters)
            with self.database.write() as connection:
                _fence(connection, study_id, lease)
                both = parameters.values()
                check_distributions(connection, study_id, cache, (d for _, d in both))
                states = trial_reads.locked_states(connection, list(ids.values()))
                if gone := [
                    n for n, i in ids.items() if i not in states or states[i].is_finished()
                ]:
                    raise TrialNotFound(f"trial {gone[0]} has ended and takes no parameters")
                known = {
                    rows.trial_id: rows for rows in trial_reads.read_trials(connection, states)
                }
                batch = []
                for number, (values, distributions) in parameters.items():
                    rows = known[ids[number]]
                    have = {name for name, _, _ in rows.parameters}
                    new = parameter_rows(values, distributions, encode)
                    batch.append(
                        replace(rows, parameters=[row for row in new if row[0] not in have])
                    )
                trial_writes.write_children(connection, "parameters", batch, replace=False)
            cache = self._refreshed(study_id)
            return [t for i in ids.values() if (t := cache.by_id(i)) is not None]

    def running_trials(self, study_id: int) -> list[FrozenTrial]:
        """The RUNNING trials by number, as a coordinator that takes over finds them."""
        with self._lock:
            return self._refreshed(study_id).in_state(TrialState.RUNNING)

    def finish_trials(
        self, study_id: int, finished: Sequence[FinishedTrial], lease: Lease
    ) -> FinishReport:
        """End RUNNING trials: Optuna's rows and ours, for all of them, in one transaction.

        Raises LeaseLost, TrialNotFound, RowsRefused.
        """
        now = datetime.now(UTC)
        with self._lock, collector_at_rest():
            ids = self._ids(study_id, (trial.number for trial in finished))
            with self.database.write() as connection:
                run = _fence(connection, study_id, lease)
                states = trial_reads.locked_states(connection, list(ids.values()))
                is_running = {n: states.get(i) is TrialState.RUNNING for n, i in ids.items()}
                late = [trial for trial in finished if not is_running[trial.number]]
                same = _written_before(connection, late, ids) if late else frozenset()
                endings = [
                    Ending(
                        ids[trial.number],
                        trial,
                        trial.started_at or self._known(study_id).started_at(trial.number),
                        trial.finished_at or now,
                    )
                    for trial in finished
                    if is_running[trial.number]
                ]
                _write_endings(connection, run.study, endings)
        return FinishReport(
            tuple(ending.trial.number for ending in endings),
            tuple(trial.number for trial in late if trial.number in same),
            tuple(trial.number for trial in late if trial.number not in same),
        )

    def take_back(self, study_id: int, numbers: Collection[int], lease: Lease) -> tuple[int, ...]:
        """Set RUNNING trials WAITING, with their parameters; returns the numbers of those that are.

        They are begun again under the same number by start_waiting. Raises LeaseLost.
        """
        with self._lock, self.database.write() as connection:
            _fence(connection, study_id, lease)
            ids = self._ids(study_id, numbers)
            states = trial_reads.locked_states(connection, list(ids.values()))
            running = [i for i, state in states.items() if state is TrialState.RUNNING]
            waiting = [(i, TrialState.WAITING, {"datetime_start": None}) for i in running]
            trial_writes.set_states(connection, waiting)
            open_states = {TrialState.RUNNING, TrialState.WAITING}
            return tuple(n for n, i in ids.items() if states.get(i) in open_states)

    def _ids(self, study_id: int, numbers: Iterable[int]) -> dict[int, int]:
        """The ids of trials by number. Raises TrialNotFound."""
        cache = self._known(study_id)
        wanted = list(numbers)
        try:
            return {number: cache.trial_id(number) for number in wanted}
        except KeyError:
            cache = self._refreshed(study_id)
        try:
            return {number: cache.trial_id(number) for number in wanted}
        except KeyError as error:
            raise TrialNotFound(f"there is no trial {error.args[0]}") from None


def check_distributions(
    connection: Connection,
    study_id: int,
    cache: StudyCache | None,
    batch: Iterable[Mapping[str, BaseDistribution]],
) -> None:
    """Raise ValueError for a distribution that contradicts the study's earlier ones.

    Every parameter's first distribution in a study decides its kind and its choices.
    """
    checked: set[tuple[str, int]] = set()
    first: dict[str, BaseDistribution | None] = {}
    for distributions in batch:
        for name, distribution in distributions.items():
            if (name, id(distribution)) in checked:
                continue
            checked.add((name, id(distribution)))
            if name not in first:
                first[name] = cache.distributions.get(name) if cache else None
                first[name] = first[name] or trial_reads.first_distribution(
                    connection, study_id, name
                )
            earlier = first[name] = first[name] or distribution
            check_distribution_compatibility(earlier, distribution)


def _fence(connection: Connection, study_id: int, lease: Lease) -> Any:
    if lease.study_id != study_id:
        raise ValueError(f"the lease is on study number {lease.study_id}, not {study_id}")
    return fence(connection, lease)


def _write_endings(connection: Connection, study: str, endings: Sequence[Ending]) -> None:
    batch = [
        TrialRows(
            ending.trial_id,
            ending.trial.number,
            ending.trial.state,
            to_utc(ending.started_at),
            to_utc(ending.finished_at),
            values=value_rows(ending.trial.values or ()),
            user_attributes=attribute_rows(ending.trial.user_attributes),
            system_attributes=attribute_rows(ending.trial.system_attributes),
            intermediate_values=intermediate_rows(ending.trial.intermediate_values),
        )
        for ending in endings
    ]
    trial_writes.set_states(
        connection,
        [
            (r.trial_id, r.state, {"datetime_start": r.started, "datetime_complete": r.completed})
            for r in batch
        ],
    )
    for field in ("values", "user_attributes", "system_attributes", "intermediate_values"):
        trial_writes.write_children(connection, field, batch)
    insert_results(connection, study, endings)


def _written_before(
    connection: Connection, ended: Sequence[FinishedTrial], ids: Mapping[int, int]
) -> frozenset[int]:
    """The numbers of those whose end is in the database already, exactly as it is given here."""
    trial_ids = [ids[trial.number] for trial in ended]
    with_results = set(
        connection.scalars(select(results.c.trial_id).where(results.c.trial_id.in_(trial_ids)))
    )
    stored = {rows.trial_id: rows for rows in trial_reads.read_trials(connection, trial_ids)}
    same = set()
    for trial in ended:
        rows = stored.get(ids[trial.number])
        if rows is not None and rows.trial_id in with_results and rows.state is trial.state:
            values = [tuple(row) for row in sorted(rows.values)]
            if values == value_rows(trial.values or ()):
                same.add(trial.number)
    return frozenset(same)
