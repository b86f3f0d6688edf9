"""Within a study every parameter keeps its kind, and its choices."""

from collections.abc import Iterable, Mapping

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from sqlalchemy import Connection

from storage.trials import reads
from storage.trials.cache import StudyCache


def check_distributions(
    connection: Connection,
    study_id: int,
    cache: StudyCache | None,
    batch: Iterable[Mapping[str, BaseDistribution]],
) -> None:
    """Raise ValueError for a distribution that contradicts the study's earlier ones.

    Every parameter's first distribution in a study decides its kind and its choices.
    """
    checked: set[tuple[str, int]] = set()
    first: dict[str, BaseDistribution | None] = {}
    for distributions in batch:
        for name, distribution in distributions.items():
            if (name, id(distribution)) in checked:
                continue
            checked.add((name, id(distribution)))
            if name not in first:
                first[name] = cache.distributions.get(name) if cache else None
                first[name] = first[name] or reads.first_distribution(connection, study_id, name)
            earlier = first[name] = first[name] or distribution
            check_distribution_compatibility(earlier, distribution)
