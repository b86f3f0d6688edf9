"""What is known of one study's trials without asking the database again.

Finished trials never change, so they are read once. A refresh reads the unfinished ones and those
that came later. Trials are handed out as they are and never altered: a change replaces them.
"""

from collections.abc import Iterable

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from storage.trials.conversion import TrialRows, freeze


class StudyCache:
    """The trials of one study. Not locked: TrialStorage does that."""

    def __init__(self) -> None:
        self._trials: dict[int, FrozenTrial] = {}  # by number, in order
        self._id_of: dict[int, int] = {}
        self._number_of: dict[int, int] = {}
        self._unfinished: dict[int, TrialRows] = {}  # by id, as last read
        self._newest: TrialRows | None = None
        self.distributions: dict[str, BaseDistribution] = {}

    @property
    def newest(self) -> int | None:
        """The highest id seen; None before the first."""
        return self._newest.trial_id if self._newest else None

    @property
    def unfinished(self) -> list[int]:
        """The ids of the trials that can still change."""
        return list(self._unfinished)

    def add(self, rows: TrialRows) -> FrozenTrial:
        """Take in a trial as the database has it now."""
        if self._newest is None or rows.trial_id >= self._newest.trial_id:
            self._newest = rows
        known = self._number_of.get(rows.trial_id)
        if known is not None and self._unfinished.get(rows.trial_id, rows) == rows:
            return self._trials[known]  # finished long since, or unchanged
        trial = freeze(rows)
        self._trials[trial.number] = trial
        self._id_of[trial.number] = rows.trial_id
        self._number_of[rows.trial_id] = trial.number
        if trial.state.is_finished():
            self._unfinished.pop(rows.trial_id, None)
        else:
            self._unfinished[rows.trial_id] = rows
        for name, distribution in trial.distributions.items():
            self.distributions.setdefault(name, distribution)
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

    def follows(self, number: int) -> bool:
        """Whether a trial with this number would leave no gap."""
        return number == len(self._trials)

    def trial_id(self, number: int) -> int:
        """The id of a trial. Raises KeyError."""
        return self._id_of[number]

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
