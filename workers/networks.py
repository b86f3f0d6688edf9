"""The networks of a cohort: which there are, and which are trained by the same program."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.configuration import Configuration, TrainingSettings
from workers.segment import TrialWork
from workers.shapes import cohort_key, pad, rows_class

LARGEST_PROGRAM = 64  # more networks gain nothing, and lose the processor's cache


@dataclass(frozen=True, slots=True)
class Network:
    """The smallest thing that is trained: a trial's configuration, its replicate and member."""

    trial: int
    configuration: Configuration
    replicate: int
    member: int


def enumerate_networks(
    trials: Sequence[TrialWork], settings: TrainingSettings
) -> tuple[Network, ...]:
    """All networks of the trials: trial by trial, replicate by replicate, member by member."""
    return tuple(
        Network(work.trial, work.configuration, replicate, member)
        for work in trials
        for replicate in range(settings.replicates)
        for member in range(work.configuration.ensemble_size)
    )


def group_networks(
    networks: Sequence[Network], training_examples: Sequence[int]
) -> tuple[tuple[Network, ...], ...]:
    """Networks that one program trains: of equal topology, padded width and similar batches.

    Batches within a factor of two share a program: their rows are padded to the largest. Within a
    program networks are ordered by activation and then from deep to shallow, so that each layer is
    a product over whole blocks of neighbours.
    """
    groups: dict[tuple[str, int, int], list[Network]] = {}
    for network in networks:
        rows = batch_rows(network, training_examples[network.replicate])
        # A batch may be all that a network has: then it is smaller than configured.
        key = (*cohort_key(network.configuration)[:2], rows_class(rows))
        groups.setdefault(key, []).append(network)
    programs = []
    for members in groups.values():
        count = -(-len(members) // LARGEST_PROGRAM)
        size = -(-len(members) // count)
        for start in range(0, len(members), size):
            part = members[start : start + size]
            part.sort(key=lambda n: (n.configuration.activation.value, -n.configuration.depth))
            programs.append(tuple(part))
    return tuple(programs)


def batch_rows(network: Network, training_examples: int) -> int:
    """Padded rows of the network's own batches."""
    configuration = network.configuration
    return pad(min(configuration.batch_size, used_examples(configuration, training_examples)))


def used_examples(configuration: Configuration, training_examples: int) -> int:
    """How many of a training split's examples a network learns from: at least one."""
    return max(1, round(configuration.train_fraction * training_examples))
