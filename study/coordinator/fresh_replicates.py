"""Which trials are confirmed, on which replicates: pure decisions.

A search numbers its replicates from 0 to R − 1, and the network of a replicate follows from its
number. Those from R on are fresh: no trial was chosen by them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from study.errors import InvalidInput
from study.specification.levels import Space, levels_of
from study.specification.space import baseline_parameters, configuration_of, search_space
from study.specification.spec import StudySpec
from workers.configuration import Configuration
from workers.segment import TrialWork


@dataclass(frozen=True, slots=True)
class FreshReplicates:
    """Trials to be trained on the replicates of these numbers."""

    trials: tuple[TrialWork, ...]
    numbers: range


def best_and_baseline(
    spec: StudySpec, trials: Sequence[FrozenTrial], trained: Collection[int], count: int
) -> list[int]:
    """The numbers of the best `count` trials of different configurations by the first objective,
    the best one first, and then of the specification's baseline.

    trained are the complete trials that are no copies of others; of equal ones the earlier is the
    better, as in Optuna.
    """
    sign = -1.0 if spec.objective[0].direction == "maximize" else 1.0
    complete = {t.number: t for t in trials if t.number in trained and t.values}
    ranked = sorted(complete, key=lambda number: (sign * complete[number].values[0], number))
    space = search_space(spec)
    levels = {number: _levels(space, complete[number].params) for number in complete}
    first: dict[Configuration, int] = {}
    for number in ranked:
        first.setdefault(configuration_of(spec, levels[number]), number)
    best = list(first.values())[:count]
    # The baseline's trials are the study's first; where others enqueued some before, theirs are.
    baseline = [
        number
        for number, given in enumerate(baseline_parameters(spec))
        if number in complete and given.items() <= levels[number].items()
    ]
    return [*best, *(number for number in baseline if number not in best)]


def _levels(space: Space, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return levels_of(space, parameters)
    except ValueError:  # an earlier version trained what others enqueued unseen
        return {name: value for name, value in parameters.items() if name in space}


def checked(
    name: str, numbers: Sequence[int], trials: Sequence[FrozenTrial], copies: Mapping[int, int]
) -> list[int]:
    """The numbers that a person gave, each once; copies are those of trials with the trial that
    was trained.

    Raises:
        InvalidInput: one of them cannot be confirmed.
    """
    states = {trial.number: trial.state for trial in trials}
    for number in numbers:
        if number not in states:
            have = f"it has 0 to {len(states) - 1}" if states else "it has none yet"
            raise InvalidInput(f"study {name!r} has no trial {number}; {have}")
        if states[number] is not TrialState.COMPLETE:
            state = states[number].name.lower()
            raise InvalidInput(
                f"trial {number} of study {name!r} is {state}; give one that is complete"
            )
        if number in copies:
            raise InvalidInput(
                f"trial {number} of study {name!r} is a copy of trial {copies[number]}; confirm "
                "that one"
            )
    return list(dict.fromkeys(numbers))


def still_to_train(
    works: Sequence[TrialWork], there: Mapping[int, int], first: int, count: int
) -> list[FreshReplicates]:
    """What is missing so that every trial has `count` replicates from number `first` on, where it
    has so many of them already; trials that lack the same ones together."""
    lacking = [work for work in works if there.get(work.trial, 0) < count]
    ordered = sorted(lacking, key=lambda work: there.get(work.trial, 0))
    return [
        FreshReplicates(tuple(group), range(first + have, first + count))
        for have, group in groupby(ordered, key=lambda work: there.get(work.trial, 0))
    ]
