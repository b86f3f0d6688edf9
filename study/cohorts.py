"""Which trials are trained together: pure decisions on the trials that are ready."""

from collections import defaultdict
from collections.abc import Sequence

from workers.configuration import Configuration, Topology
from workers.segment import TrialWork

CohortKey = tuple[Topology, int]
# Networks of a fused program below which one more costs almost nothing on a CPU thread.
TARGET_NETWORKS = 64
_SMALLEST_BUCKET = 32


def cohort_key(configuration: Configuration) -> CohortKey:
    """Trials with equal keys may be fused: one topology, widths that round up to one bucket."""
    bucket = _SMALLEST_BUCKET
    while bucket < configuration.width:
        bucket *= 2
    return configuration.topology, bucket


def networks(work: TrialWork, replicates: int) -> int:
    """How many networks the trial trains."""
    return work.configuration.ensemble_size * replicates


def pack(
    ready: Sequence[TrialWork], *, replicates: int, slots: int, target: int = TARGET_NETWORKS
) -> list[tuple[TrialWork, ...]]:
    """Split the trials into cohorts of about target networks, at least `slots` where that many
    trials are there; within a key the costs of the cohorts are alike."""
    groups: dict[CohortKey, list[TrialWork]] = defaultdict(list)
    for work in ready:
        groups[cohort_key(work.configuration)].append(work)
    counts = {
        key: max(1, round(sum(networks(work, replicates) for work in group) / target))
        for key, group in groups.items()
    }
    for key, count in _more_to_keep_busy(groups, counts, slots, replicates).items():
        counts[key] = count
    return [
        cohort
        for key, group in groups.items()
        for cohort in _balanced(group, min(counts[key], len(group)), replicates)
    ]


def _more_to_keep_busy(
    groups: dict[CohortKey, list[TrialWork]],
    counts: dict[CohortKey, int],
    slots: int,
    replicates: int,
) -> dict[CohortKey, int]:
    """Raise the counts of the groups with the largest cohorts until every slot has one."""
    raised = dict(counts)
    work = {key: sum(_cost(w, replicates) for w in group) for key, group in groups.items()}
    while sum(raised.values()) < slots:
        splittable = [key for key in raised if raised[key] < len(groups[key])]
        if not splittable:
            break
        largest = max(splittable, key=lambda key: work[key] / raised[key])
        raised[largest] += 1
    return raised


def _balanced(
    group: Sequence[TrialWork], count: int, replicates: int
) -> list[tuple[TrialWork, ...]]:
    """Longest processing time first (Graham 1969): each trial joins the lightest cohort."""
    bins: list[list[TrialWork]] = [[] for _ in range(count)]
    loads = [0.0] * count
    for work in sorted(group, key=lambda w: (-_cost(w, replicates), w.trial)):
        lightest = loads.index(min(loads))
        bins[lightest].append(work)
        loads[lightest] += _cost(work, replicates)
    return [tuple(sorted(members, key=lambda w: w.trial)) for members in bins]


def _cost(work: TrialWork, replicates: int) -> float:
    """In units of one hidden layer of one network: good enough to balance."""
    return networks(work, replicates) * (work.configuration.depth + 1)
