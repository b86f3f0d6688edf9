"""The trials that were read from the database, kept, and refreshed by what can have changed.

Finished trials never change, so they are read once. A refresh reads the unfinished ones and those
that came later. Trials are handed out as they are and never altered: a change replaces them.
"""

import gc
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from optuna.trial import FrozenTrial, TrialState

from storage.database.engine import Database
from storage.errors import TrialNotFound
from storage.studies.optuna_studies import read_directions
from storage.trials import reads
from storage.trials.conversion import TrialRows, to_frozen_trial


class TrialCache:
    """The trials of a database's studies. Thread-safe.

    Whoever goes on with what was read from the cache holds its lock meanwhile, which is reentrant.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._studies: dict[int, StudyTrials] = {}
        # Held while the database is read into the cache, or an older state could come in last.
        self.lock = threading.RLock()

    def refreshed(self, study_id: int) -> "StudyTrials":
        """A study's trials as the database has them now. Raises StudyNotFound."""
        with self.lock:
            study = self._studies.get(study_id)
            with self._database.read() as connection:
                changed: list[TrialRows] = []
                if study is not None and study.newest is not None:
                    changed = reads.read_changed(
                        connection, study_id, study.newest, study.unfinished
                    )
                if study is None or study.newest is None or study.is_stale(changed):
                    self.forget(study_id)
                    with garbage_collection_paused():
                        changed = reads.read_study(connection, study_id)
                    objectives = read_directions(connection, study_id).get(study_id, ())
                    study = StudyTrials(len(objectives))
            with garbage_collection_paused():
                for rows in changed:
                    study.add_rows(rows)
            self._studies[study_id] = study
            return study

    def known(self, study_id: int) -> "StudyTrials":
        """A study's trials as they were last read; read now, where they never were.

        Raises StudyNotFound.
        """
        with self.lock:
            return self._studies.get(study_id) or self.refreshed(study_id)

    def trial_ids(self, study_id: int, numbers: Iterable[int]) -> dict[int, int]:
        """The ids of trials by number. Raises StudyNotFound, TrialNotFound."""
        wanted = list(numbers)
        with self.lock:
            try:
                return self.known(study_id).trial_ids(wanted)
            except TrialNotFound:
                return self.refreshed(study_id).trial_ids(wanted)

    def newest_id(self, study_id: int) -> int | None:
        """The highest id of a trial of the study that was read so far; None before the first."""
        with self.lock:
            study = self._studies.get(study_id)
            return study.newest if study else None

    def finished_trial(self, trial_id: int) -> FrozenTrial | None:
        """The trial, if it was read so far, after it had finished."""
        with self.lock:
            for study in self._studies.values():
                known = study.by_id(trial_id)
                if known is not None and known.state.is_finished():
                    return known
        return None

    def forget(self, study_id: int) -> None:
        """Read a study as a whole the next time."""
        with self.lock:
            self._studies.pop(study_id, None)


class StudyTrials:
    """The trials of one study as they were last read. Guarded by the lock of its TrialCache.

    A complete one with another number of values than the study has objectives is shown as failed,
    as Optuna has it where a program tells so many: nothing could read its value.
    """

    def __init__(self, objectives: int) -> None:
        self.objectives = objectives
        self._trials: dict[int, FrozenTrial] = {}  # by number, in order
        self._id_of: dict[int, int] = {}
        self._number_of: dict[int, int] = {}
        self._unfinished: dict[int, TrialRows] = {}  # by id, as last read
        self._newest: TrialRows | None = None

    @property
    def newest(self) -> int | None:
        """The highest id that was read; None before the first."""
        return self._newest.trial_id if self._newest else None

    @property
    def unfinished(self) -> list[int]:
        """The ids of the trials that can still change."""
        return list(self._unfinished)

    def add_rows(self, rows: TrialRows) -> FrozenTrial:
        """Add a trial, or replace it, as the database has it now."""
        if self._newest is None or rows.trial_id >= self._newest.trial_id:
            self._newest = rows
        known = self._number_of.get(rows.trial_id)
        if known is not None and self._unfinished.get(rows.trial_id, rows) == rows:
            return self._trials[known]  # finished long since, or unchanged
        if rows.state is TrialState.COMPLETE and len(rows.values) != self.objectives:
            rows = replace(rows, state=TrialState.FAIL, values=[])
        trial = to_frozen_trial(rows)
        self._trials[trial.number] = trial
        self._id_of[trial.number] = rows.trial_id
        self._number_of[rows.trial_id] = trial.number
        if trial.state.is_finished():
            self._unfinished.pop(rows.trial_id, None)
        else:
            self._unfinished[rows.trial_id] = rows
        return trial

    def is_stale(self, changed: Iterable[TrialRows]) -> bool:
        """Whether these are not the trials that we know: the study was deleted and made anew.

        changed must hold the newest trial if it is still there.
        """
        newest = None
        for rows in changed:
            if self._number_of.get(rows.trial_id, rows.number) != rows.number:
                return True
            if rows.trial_id == self.newest:
                newest = rows
        return self._newest is not None and (newest is None or self._is_another(newest))

    def _is_another(self, newest: TrialRows) -> bool:
        # A finished trial never changes. An unfinished one that began at another time may be the
        # same, begun again: reading all trials again is then not needed, but not wrong either.
        if self._newest is None or self._newest.started in {None, newest.started}:
            known = self._newest
            return (
                known is not None
                and known.state.is_finished()
                and (known.state, known.completed) != (newest.state, newest.completed)
            )
        return True

    def is_next(self, number: int) -> bool:
        """Whether a trial with this number would leave no gap."""
        return number == len(self._trials)

    def trial_ids(self, numbers: Iterable[int]) -> dict[int, int]:
        """The ids of trials by number. Raises TrialNotFound."""
        try:
            return {number: self._id_of[number] for number in numbers}
        except KeyError as error:
            raise TrialNotFound(f"there is no trial {error.args[0]}") from None

    def by_id(self, trial_id: int) -> FrozenTrial | None:
        """The trial if it is known, in whatever state it was last seen."""
        number = self._number_of.get(trial_id)
        return None if number is None else self._trials[number]

    def all(self) -> list[FrozenTrial]:
        """All trials by number."""
        return list(self._trials.values())

    def in_state(self, state: TrialState) -> list[FrozenTrial]:
        """The trials in an unfinished state by number, without a look at the finished ones."""
        numbers = sorted(rows.number for rows in self._unfinished.values())
        return [trial for n in numbers if (trial := self._trials[n]).state is state]


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """No search for cycles: what a batch makes is kept, or freed by its count of references.

    The many new objects would set off the search again and again, and every search looks through
    all trials that are cached, so that a batch would cost more the more trials there are.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
