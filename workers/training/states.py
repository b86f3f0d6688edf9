"""What a trial's training needs to go on: plain values that travel between workers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from workers.segment import CurvePoint, LayerStatistics, TrialWork

Numbers: TypeAlias = npt.NDArray[np.floating]


@dataclass(slots=True)
class NetworkState:
    """One network between two epochs; numbers are [P], as Stack.take orders them.

    best is the weights of the epoch with the lowest validation loss, under early stopping;
    diverged networks have no weights that matter, stopped ones are trained no more.
    """

    weights: Numbers
    first: Numbers
    second: Numbers
    steps: int = 0
    best: Numbers | None = None
    best_loss: float = float("inf")
    best_epoch: int = 0
    stopped: bool = False
    diverged: bool = False


@dataclass(frozen=True, slots=True)
class TrialState:
    """A trial after `epoch` epochs: its networks by (replicate, member), and what was measured.

    curve and layers hold one entry per replicate of the segment, in their order.
    """

    work: TrialWork
    epoch: int
    networks: dict[tuple[int, int], NetworkState]
    curve: tuple[tuple[CurvePoint, ...], ...]
    layers: tuple[tuple[LayerStatistics, ...], ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CohortState:
    """The trials of a cohort after a segment; NumPy arrays and plain values, so it pickles."""

    trials: tuple[TrialState, ...] = field(default=())

    def select(self, trials: Iterable[int]) -> "CohortState":
        """The states of these trials only, in the order they have here."""
        wanted = set(trials)
        return CohortState(tuple(t for t in self.trials if t.work.trial in wanted))

    def merge(self, *others: "CohortState") -> "CohortState":
        """This cohort's trials, then the others'."""
        return CohortState(sum((other.trials for other in others), self.trials))


def find_states(
    states: Sequence[CohortState], trials: Sequence[TrialWork], epoch: int
) -> list[TrialState]:
    """Each trial's state after `epoch`; ValueError names the first that is missing."""
    known = {state.work.trial: state for cohort in states for state in cohort.trials}
    found = []
    for work in trials:
        state = known.get(work.trial)
        if state is None or state.epoch != epoch or state.work != work:
            raise ValueError(f"no state of trial {work.trial} after epoch {epoch} was given")
        found.append(state)
    return found
