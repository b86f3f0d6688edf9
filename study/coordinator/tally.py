"""Where a study stands: the counts from which its end and its display follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import TrialState

from study.monitoring.events import StudyBegan, StudyEnded
from study.monitoring.progress import BestTrial, Snapshot
from study.specification.space import space_size
from study.specification.spec import StudySpec
from workers.segment import HEADLINES

# What is shown of the best trial while a study runs: it was chosen by validation, so not train.
_SHOWN = tuple(name for name in HEADLINES if not name.startswith("train_"))


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """Totals over all launches; None: no such bound."""

    trials: int | None
    seconds: float | None


@dataclass(slots=True)
class Tally:
    """Counts of trials by how they ended, and the best one so far."""

    spec: StudySpec
    budget: TrialLimits
    complete: int = 0
    pruned: int = 0
    failed: int = 0
    refused: int = 0
    """Those of the failed ones that other programs made, and nobody tried to train."""
    last_reason: str = ""
    _ended_before: int = 0
    _best: BestTrial | None = None
    _best_score: float = float("-inf")

    def start_launch(self) -> None:
        """What has been counted so far was done by earlier launches."""
        self._ended_before = self._ended

    def count_trial(
        self,
        number: int,
        state: TrialState,
        values: Sequence[float] | None,
        attributes: Mapping[str, Any],
        reason: str = "",
    ) -> None:
        """Count a trial that ended in this state; reason is why it failed, where that is known."""
        if state is TrialState.COMPLETE:
            self.complete += 1
            self._compare(number, values, attributes)
        elif state is TrialState.PRUNED:
            self.pruned += 1
        else:
            self.failed += 1
            self.last_reason = reason or self.last_reason

    def _compare(
        self, number: int, values: Sequence[float] | None, attributes: Mapping[str, Any]
    ) -> None:
        """See whether a complete trial is the best by the first objective."""
        # Other programs' trials lack these figures, or have something else under their names.
        if not values or any(not isinstance(attributes.get(name), float) for name in _SHOWN):
            return
        score = values[0] if self.spec.objective[0].direction == "maximize" else -values[0]
        if score > self._best_score:
            self._best_score = score
            objectives = (objective.value for objective in self.spec.objective)
            figures = dict(zip(objectives, values, strict=False))
            self._best = BestTrial(number, figures | {name: attributes[name] for name in _SHOWN})

    def began_event(self) -> StudyBegan:
        """The study as a coordinator found it."""
        return StudyBegan(self.complete, self.pruned, self.failed, self._total(self._ended))

    def ended_event(self, ending: str, seconds: float) -> StudyEnded:
        """The study as a coordinator leaves it."""
        return StudyEnded(ending, self.complete, self.pruned, self.failed, seconds)

    @property
    def _ended(self) -> int:
        return self.complete + self.pruned + self.failed

    def _total(self, begun: int) -> int | None:
        """How many trials there will be, of which so many have begun; None: nobody knows."""
        size = space_size(self.spec) if self.spec.sampler.needs_levels else None
        if size is None:
            return self.budget.trials
        points = size if self.budget.trials is None else min(size, self.budget.trials)
        # A grid whose trials repeat some points, as a baseline may, has more trials than points.
        return max(points, begun)

    def snapshot(self, *, running: int, here: float, spent: float, message: str = "") -> Snapshot:
        """What to show after `here` seconds of this launch and `spent` seconds of all."""
        total = self._total(self._ended + running)
        pace = (self._ended - self._ended_before) / here if here > 0 else 0.0
        left = []
        if total is not None and pace:
            left.append((total - self._ended) / pace)
        if self.budget.seconds is not None:
            left.append(self.budget.seconds - spent)
        return Snapshot(
            study=self.spec.name,
            complete=self.complete,
            pruned=self.pruned,
            failed=self.failed,
            running=running,
            total=total,
            best=self._best,
            trials_per_second=pace,
            seconds_left=min(left) if left and pace else None,
            message=message,
        )
