"""Which of a study's trials a sampler learns from: any Optuna program may have added some."""

import copy

from optuna.trial import FrozenTrial, TrialState

from study.specification.levels import Space, levels_of


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
