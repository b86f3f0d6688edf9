"""The networks of a cohort: which there are, and which are trained by the same program."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workers.configuration import Configuration, TrainingSettings
from workers.networks.shapes import pad, rows_class, width_bucket
from workers.networks.topologies.registry import branch_widths
from workers.segment import TrialWork

LARGEST_PROGRAM = 64  # about: more networks gain nothing, and lose the processor's cache
# What a step costs whatever it trains, in networks of the narrowest width; and the width at which
# a network costs three more of those (measured: see BENCHMARKS).
OVERHEAD = 10.0
GPU_OVERHEAD = 1000.0  # a step of small networks is nothing else
ARITHMETIC_WIDTH = 64


@dataclass(frozen=True, slots=True)
class Network:
    """The smallest thing that is trained: a trial's configuration, its replicate and member."""

    trial: int
    configuration: Configuration
    replicate: int
    member: int


def enumerate_networks(
    trials: Sequence[TrialWork], settings: TrainingSettings, first_replicate: int = 0
) -> tuple[Network, ...]:
    """All networks of the trials: trial by trial, replicate by replicate, member by member."""
    return tuple(
        Network(work.trial, work.configuration, replicate, member)
        for work in trials
        for replicate in range(first_replicate, first_replicate + settings.replicates)
        for member in range(work.configuration.ensemble_size)
    )


def cohort_key(configuration: Configuration) -> tuple[str, int, int]:
    """Networks of equal keys are trained by the same products.

    Topology, padded width, and the size of batches up to a factor of two: to pad all batches to
    the largest costs more than it saves (see BENCHMARKS).
    """
    return (
        configuration.topology.value,
        width_bucket(max(branch_widths(configuration))),
        rows_class(configuration.batch_size),
    )


def group_networks(
    networks: Sequence[Network],
    training_examples: Sequence[int] | Mapping[int, int],
    overhead: float = OVERHEAD,
) -> tuple[tuple[Network, ...], ...]:
    """Networks that one program trains: of equal topology, padded width and similar batches.

    training_examples are those of each replicate, by its number.

    Batches within a factor of two may share a program: all rows are padded to the most that one of
    them has, and all steps are computed that one of them takes. They do where that costs less than
    another program's steps. Within a program networks are ordered by activation and then from deep
    to shallow, so that each layer is a product over whole blocks of neighbours.
    """
    groups: dict[tuple[str, int, int], dict[tuple[int, int], list[Network]]] = {}
    for network in networks:
        examples = used_examples(network.configuration, training_examples[network.replicate])
        # A batch may be all that a network has: then it is smaller than configured.
        size = min(network.configuration.batch_size, examples)
        rows, steps = pad(size), -(-examples // size)
        key = (*cohort_key(network.configuration)[:2], rows_class(rows))
        groups.setdefault(key, {}).setdefault((rows, steps), []).append(network)
    programs = []
    for (_, width, _), alike in groups.items():
        own_overhead = overhead / (1 + 3 * (width / ARITHMETIC_WIDTH) ** 2)
        counts = {shape: len(own) for shape, own in alike.items()}
        for shapes in cheapest_stretches(counts, own_overhead):
            members = [network for shape in shapes for network in alike[shape]]
            count = max(1, round(len(members) / LARGEST_PROGRAM))
            size = -(-len(members) // count)
            for start in range(0, len(members), size):
                part = members[start : start + size]
                part.sort(key=lambda n: (n.configuration.activation.value, -n.configuration.depth))
                programs.append(tuple(part))
    return tuple(programs)


def cheapest_stretches(
    counts: Mapping[tuple[int, int], int], overhead: float
) -> list[list[tuple[int, int]]]:
    """Divide networks, counted by their rows and steps, into programs that cost least together.

    An epoch of a program costs its steps × (the overhead + its networks × its rows / 64). Only
    stretches in the order of rows and steps are looked at.
    """
    shapes = sorted(counts)
    # The least cost of the first n shapes, and where the last of their stretches begins.
    least: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(shapes) + 1):
        rows = shapes[end - 1][0]
        steps = size = 0
        best = (math.inf, 0)
        for start in reversed(range(end)):
            steps = max(steps, shapes[start][1])
            size += counts[shapes[start]]
            cost = least[start][0] + steps * (overhead + size * rows / 64)
            best = min(best, (cost, start))
        least.append(best)
    stretches = []
    end = len(shapes)
    while end:
        start = least[end][1]
        stretches.append(shapes[start:end])
        end = start
    return stretches[::-1]


def batch_rows(network: Network, training_examples: int) -> int:
    """Padded rows of the network's own batches."""
    configuration = network.configuration
    return pad(min(configuration.batch_size, used_examples(configuration, training_examples)))


def used_examples(configuration: Configuration, training_examples: int) -> int:
    """How many of a training split's examples a network learns from: at least one."""
    return max(1, round(configuration.train_fraction * training_examples))
