"""Which of a study's trials a sampler learns from, and which count as tried: any Optuna program may
have added some."""

import copy
from collections.abc import Container, Iterable
from contextlib import suppress

from optuna.trial import FrozenTrial, TrialState

from study.specification.levels import Space, levels_of
from study.specification.space import configuration_of, search_space
from study.specification.spec import StudySpec
from workers.configuration import Configuration


def tried_configurations(
    spec: StudySpec, trials: Iterable[FrozenTrial], recorded: Container[int]
) -> set[Configuration]:
    """The configurations that a study's trials have, or had: those of which something is recorded,
    whether it was measured or is why they failed. What other programs ended counts for nothing."""
    space = search_space(spec)
    tried = set()
    for trial in trials:
        if trial.state.is_finished() and trial.number not in recorded:
            continue
        with suppress(ValueError):
            known = as_of_search(trial, space, len(spec.objective))
            tried.add(configuration_of(spec, known.params))
    return tried


def as_of_search(trial: FrozenTrial, space: Space, objectives: int) -> FrozenTrial:
    """The trial as this search would have made it: with its levels and distributions, and without
    what other samplers wrote for themselves.

    Raises:
        ValueError: it could not have been made by this search, saying why.
    """
    levels = levels_of(space, trial.params)
    lacking = [name for name in space if name not in levels]
    if lacking:
        raise ValueError(f"{lacking[0]}: it is missing")
    values = len(trial.values or ())
    if values != objectives and (values or trial.state is TrialState.COMPLETE):
        raise ValueError(f"it has {values} values, and this search {objectives}")
    known = copy.copy(trial)
    known.params = levels
    known.distributions = {name: space[name] for name in levels}
    return known
