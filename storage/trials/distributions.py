"""Distributions as JSON, and Optuna's rule that a parameter keeps its kind in a study."""

from collections.abc import Mapping
from functools import lru_cache

from optuna.distributions import (
    BaseDistribution,
    check_distribution_compatibility,
    distribution_to_json,
    json_to_distribution,
)
from sqlalchemy import Connection, bindparam, select

from storage.tables.optuna_schema import trial_params, trials

_FIRST_DISTRIBUTION = (
    select(trial_params.c.distribution_json)
    .join(trials, trials.c.trial_id == trial_params.c.trial_id)
    .where(trials.c.study_id == bindparam("study"), trial_params.c.param_name == bindparam("name"))
    .limit(1)
)


class DistributionEncoder:
    """Distributions as JSON, each object once: the trials of a batch share them.

    An encoder is for one call, during which the caller holds the distributions alive.
    """

    def __init__(self) -> None:
        self._encoded: dict[int, tuple[BaseDistribution, str]] = {}

    def __call__(self, distribution: BaseDistribution) -> str:
        """The JSON that Optuna would write."""
        known = self._encoded.get(id(distribution))
        if known is None:
            known = (distribution, distribution_to_json(distribution))
            self._encoded[id(distribution)] = known
        return known[1]


@lru_cache(maxsize=4096)
def parse_distribution(text: str) -> BaseDistribution:
    """The distribution that text stands for; one object for all trials that have it."""
    return json_to_distribution(text)


def check_distributions(
    connection: Connection, study_id: int, distributions: Mapping[str, BaseDistribution]
) -> None:
    """Raise ValueError for a distribution that contradicts the study's earlier ones.

    Every parameter's first distribution in a study decides its kind and its choices. So it is for
    programs that write through Optuna; a coordinator has its distributions from the specification.
    """
    for name, distribution in distributions.items():
        earlier = _first_distribution(connection, study_id, name)
        if earlier is not None:
            check_distribution_compatibility(earlier, distribution)


def _first_distribution(
    connection: Connection, study_id: int, parameter: str
) -> BaseDistribution | None:
    found = connection.scalar(_FIRST_DISTRIBUTION, {"study": study_id, "name": parameter})
    return None if found is None else parse_distribution(found)
