"""The trials that go in and come out in batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import TrialState


@dataclass(frozen=True, slots=True)
class NewTrial:
    """A trial to be made, RUNNING. Parameters are as Optuna's trials have them, in their order."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    distributions: Mapping[str, BaseDistribution] = field(default_factory=dict)
    user_attributes: Mapping[str, Any] = field(default_factory=dict)
    system_attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FinishedTrial:
    """A trial's end: what goes into Optuna's tables, and what was measured.

    state is COMPLETE, PRUNED or FAIL; values holds one number per objective, None where there is
    none. Times are aware; started_at None keeps the trial's, finished_at None is now.
    result and the rows are keyed by the columns of storage.tables.schema; what identifies the trial
    (study, trial, state, times) is filled in. Columns that can be NULL may be left out.
    """

    number: int
    state: TrialState
    values: Sequence[float] | None = None
    user_attributes: Mapping[str, Any] = field(default_factory=dict)
    system_attributes: Mapping[str, Any] = field(default_factory=dict)
    intermediate_values: Mapping[int, float] = field(default_factory=dict)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    replicates: Sequence[Mapping[str, Any]] = ()
    members: Sequence[Mapping[str, Any]] = ()
    learning_curves: Sequence[Mapping[str, Any]] = ()
    layer_statistics: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a finished trial did on further replicates: rows as those of FinishedTrial.

    fingerprint names the environment that they were trained in.
    """

    number: int
    fingerprint: str
    replicates: Sequence[Mapping[str, Any]] = ()
    members: Sequence[Mapping[str, Any]] = ()
    learning_curves: Sequence[Mapping[str, Any]] = ()
    layer_statistics: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class FinishReport:
    """What became of a batch, by trial number.

    already_written: an earlier attempt had got through, though its answer was lost; refused: the
    trial was no longer RUNNING, someone else had ended it or put it back, and nothing was written.
    """

    written: tuple[int, ...]
    already_written: tuple[int, ...]
    refused: tuple[int, ...]
