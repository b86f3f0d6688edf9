"""Which trials are trained together: pure decisions on the trials that are ready.

The engine fuses the networks of a cohort that have equal keys (workers.networks.network.cohort_key)
into one program, so a cohort is a stretch of trials in the order of their keys: full programs, and
cohorts of equal work.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from workers.networks.network import cohort_key
from workers.networks.shapes import width_bucket
from workers.pools.pool import StateHandle
from workers.segment import TrialWork

# Networks of a fused program below which one more costs almost nothing on a CPU thread.
TARGET_NETWORKS = 64


@dataclass(frozen=True, slots=True)
class ReadyTrial:
    """A trial that is ready for its next segment: it has been trained for `epoch` epochs, and
    state, None at epoch 0, is where its training stands."""

    work: TrialWork
    epoch: int = 0
    state: StateHandle | None = field(default=None, compare=False)


def networks(work: TrialWork, replicates: int) -> int:
    """How many networks the trial trains."""
    return work.configuration.ensemble_size * replicates


def pack(
    ready: Sequence[ReadyTrial], *, replicates: int, slots: int, target: float = TARGET_NETWORKS
) -> list[tuple[ReadyTrial, ...]]:
    """Split the trials into cohorts of about `target` networks, all after the same epoch.

    There are at least `slots` cohorts where that many trials are ready, and within an epoch their
    work is alike.
    """
    groups: dict[int, list[ReadyTrial]] = defaultdict(list)
    for candidate in ready:
        groups[candidate.epoch].append(candidate)
    counts = {
        epoch: max(1, round(sum(networks(c.work, replicates) for c in group) / target))
        for epoch, group in groups.items()
    }
    _raise_to_slots(groups, counts, slots)
    return [
        cohort
        for epoch, group in sorted(groups.items(), reverse=True)
        for cohort in _stretches(group, counts[epoch], replicates)
    ]


def _raise_to_slots(
    groups: dict[int, list[ReadyTrial]], counts: dict[int, int], slots: int
) -> None:
    """Cut the groups with the most trials per cohort further until every slot has a cohort."""
    while sum(counts.values()) < slots:
        largest = max(groups, key=lambda epoch: len(groups[epoch]) / counts[epoch], default=None)
        if largest is None or counts[largest] >= len(groups[largest]):
            return
        counts[largest] += 1


def _stretches(
    group: Sequence[ReadyTrial], count: int, replicates: int
) -> list[tuple[ReadyTrial, ...]]:
    """The group in the order of keys, cut into at most `count` stretches of about equal work."""
    ordered = sorted(group, key=lambda c: (cohort_key(c.work.configuration), c.work.trial))
    total = sum(work_of(c.work, replicates) for c in ordered)
    count = min(count, len(ordered))
    stretches: list[list[ReadyTrial]] = [[] for _ in range(count)]
    done = 0.0
    for position, candidate in enumerate(ordered):
        mine = work_of(candidate.work, replicates)
        # Where the middle of its work falls; but no stretch may be left without a trial.
        place = int((done + mine / 2) / total * count)
        filled = next((i for i in reversed(range(count)) if stretches[i]), -1)
        place = min(max(place, 0), filled + 1, count - 1)
        if len(ordered) - position <= count - 1 - filled:
            place = filled + 1
        stretches[place].append(candidate)
        done += mine
    return [tuple(stretch) for stretch in stretches]


def work_of(work: TrialWork, replicates: int) -> float:
    """A trial's work in units of one narrow layer of one network: good enough to balance.

    On a CPU a step of a small layer costs its overhead, a wide one its arithmetic.
    """
    bucket = width_bucket(work.configuration.width)
    return networks(work, replicates) * (work.configuration.depth + 1) * (1 + (bucket / 64) ** 2)
