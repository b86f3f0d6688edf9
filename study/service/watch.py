"""Watching a study that runs elsewhere, from the database alone."""

import time
from dataclasses import dataclass, field

from optuna.trial import TrialState

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.errors import DatabaseUnreachable
from storage.studies.queue_positions import queue_position
from storage.studies.runs import StudyRun, read_run
from storage.tables.status import ENDED, RunStatus
from storage.trials.storage import TrialStorage
from study.coordinator.coordinator import Ending, seconds_searched
from study.coordinator.outage import LONGEST_OUTAGE
from study.coordinator.tally import Tally
from study.errors import StudyFailed
from study.launching.outcome import StudyOutcome, outcome_of
from study.launching.plan import bounds_of
from study.launching.resuming import grid_is_complete, search_is_over
from study.monitoring.progress import Progress, Snapshot
from study.monitoring.suggestion import command
from study.specification.spec import StudySpec
from study.specification.stored import stored_specification

SECONDS_BETWEEN_REFRESHES = 1.0


def watch(name: str, storage: str, progress: Progress) -> tuple[StudySpec, StudyOutcome, bool]:
    """Show how the study goes until it ends: its specification, its outcome as of a launch, and
    whether a service ran it.

    Raises:
        StudyFailed: it failed, with its reason.
        StorageError: there is no such study, or the database stayed away.
    """
    with open_database(storage, create=False) as database:
        run = read_run(database, name)
        _raise_if_failed(run)
        spec = stored_specification(run.specification, name)
        view = View(database, spec, run.study_id)
        while True:
            progress.show_snapshot(view.refresh())
            if view.run.status in ENDED:
                break
            time.sleep(SECONDS_BETWEEN_REFRESHES)
        _raise_if_failed(view.run)
        trials = TrialStorage(database)
        # The budget is the newest one: somebody may have raised it meanwhile.
        spec = stored_specification(view.run.specification, name)
        ending = _ending_of(view.run, spec, trials)
        outcome = outcome_of(name, trials, run.study_id, database.url, storage, ending)
        return spec, outcome, view.run.detached


def _raise_if_failed(run: StudyRun) -> None:
    if run.status is RunStatus.FAILED:
        raise StudyFailed(f"study {run.study!r} failed: {run.error or 'see study status'}")


def _ending_of(run: StudyRun, spec: StudySpec, trials: TrialStorage) -> Ending:
    if run.status is RunStatus.STOPPED:
        return Ending.STOPPED
    if grid_is_complete(spec, trials, run.study_id):
        return Ending.EXHAUSTED
    return Ending.BUDGET if search_is_over(spec, trials, run.study_id) else Ending.EXHAUSTED


@dataclass(slots=True)
class View:
    """A study as the database shows it, looked at again and again.

    run is the study's record at the last look.
    """

    database: Database
    spec: StudySpec
    study_id: int
    run: StudyRun = field(init=False)
    _began: float = field(default_factory=time.monotonic)
    _ended: set[int] = field(default_factory=set)
    _tally: Tally = field(init=False)
    _trials: TrialStorage = field(init=False)
    _last: Snapshot | None = None
    _away_since: float | None = None

    def __post_init__(self) -> None:
        self._tally = Tally(self.spec, bounds_of(self.spec))
        self._trials = TrialStorage(self.database)
        self._count()
        self._tally.start_launch()

    def refresh(self) -> Snapshot:
        """How the study stands now, or did when the database was last there.

        Raises:
            DatabaseUnreachable: it stayed away for too long.
        """
        try:
            self.run = read_run(self.database, self.spec.name)
            running = self._count()
            spent = seconds_searched(self._trials, self.study_id)
            message = self._message()
        except DatabaseUnreachable:
            now = time.monotonic()
            self._away_since = self._away_since or now
            if self._last is None or now - self._away_since > LONGEST_OUTAGE:
                raise
            return self._last
        self._away_since = None
        here = time.monotonic() - self._began
        self._last = self._tally.snapshot(running=running, here=here, spent=spent, message=message)
        return self._last

    def _count(self) -> int:
        """Count the trials that have ended since the last time; how many are running."""
        running = 0
        for trial in self._trials.get_all_trials(self.study_id, deepcopy=False):
            running += trial.state is TrialState.RUNNING
            if not trial.state.is_finished() or trial.number in self._ended:
                continue
            self._ended.add(trial.number)
            self._tally.count_trial(trial.number, trial.state, trial.values, trial.user_attrs)
        return running

    def _message(self) -> str:
        """Why nothing happens just now, in a few words."""
        run = self.run
        if run.status is RunStatus.QUEUED:
            if run.queued_at is None:
                return "waiting for whoever launches it"
            before = queue_position(self.database, run.queued_at)
            waiting = "next in the queue" if before == 0 else f"in the queue, {before} before it"
            return waiting + (f"; last time: {run.error}" if run.error else "")
        if run.status is RunStatus.STOPPING:
            return "stopping"
        if run.owner is not None or run.status in ENDED:
            return ""
        if run.detached:
            return "between two coordinators"
        resume = command("resume", run.study, storage=self.database.url)
        return f"nobody works on it; to go on: {resume}"
