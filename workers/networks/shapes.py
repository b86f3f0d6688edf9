"""Sizes of networks: how they are padded, and how many numbers they train.

Padding makes a network's arithmetic independent of its neighbours: with rows and widths that are
multiples of 8, every slice of a batched product, and of an elementwise function, is computed by
the same instructions whatever the number of slices. How far a network is padded depends on itself
alone, except for rows, which may be padded further without changing a bit up to LARGEST_ROWS.
"""

import math

from workers.configuration import (
    Configuration,
    RecurrentCell,
    Topology,
    TrainingSettings,
)

MULTIPLE = 8
LARGEST_ROWS = 128  # sums over 256 rows are computed in blocks, whose bounds change bits
BRANCHES = 2  # of a split_merge network
_FINE_BUCKETS = 4  # bucket bounds from one power of two to the next


def pad(size: int) -> int:
    """size rounded up to the multiple that keeps arithmetic independent of neighbours."""
    return max(MULTIPLE, -(-size // MULTIPLE) * MULTIPLE)


def width_bucket(width: int) -> int:
    """The padded width that layers of this width are stored with: 8, 16, 24, 32, 40, 48, …, 64,
    80, …: steps of at most a quarter, so that a range of widths still shares few shapes."""
    power = 1 << max(0, (width - 1).bit_length() - 1)
    step = max(MULTIPLE, power // _FINE_BUCKETS)
    return -(-width // step) * step


def cohort_key(configuration: Configuration) -> tuple[str, int, int]:
    """Networks of equal keys are trained by the same products.

    Topology, padded width, and the size of batches up to a factor of two: to pad all batches to
    the largest costs more than it saves (see BENCHMARKS).
    """
    widths = branch_widths(configuration)
    return (
        configuration.topology.value,
        width_bucket(max(widths)),
        rows_class(configuration.batch_size),
    )


def rows_class(rows: int) -> int:
    """Batches of equal class share a program, padded to the largest of them."""
    return pad(rows) if rows > LARGEST_ROWS else 1 << (rows - 1).bit_length()


def branch_widths(configuration: Configuration) -> tuple[int, ...]:
    """Units of each parallel branch of a hidden layer; most topologies have one branch."""
    width = configuration.width
    if configuration.topology is Topology.SPLIT_MERGE:
        return (width + 1) // 2, width // 2
    return (width,)


def pieces(configuration: Configuration, settings: TrainingSettings) -> int:
    """Linear functions per hidden unit, of which maxout takes the largest."""
    from workers.networks.activations import activation_function

    return activation_function(configuration.activation, settings).pieces


def is_gated(configuration: Configuration, settings: TrainingSettings) -> bool:
    """Whether every piece of a hidden unit has a gate, with as many weights as the piece."""
    recurrent = configuration.topology is Topology.RECURRENT
    return recurrent and settings.recurrent_cell is RecurrentCell.GATED


def sequence_shape(inputs: int) -> tuple[int, int]:
    """How a recurrent network reads its features: (steps, features per step), nearly square."""
    per_step = math.isqrt(inputs)
    return -(-inputs // per_step), per_step


def output_units(classes: int) -> int:
    """One sigmoid unit for two classes, else a softmax over all."""
    return 1 if classes == 2 else classes


def count_parameters(
    configuration: Configuration, inputs: int, classes: int, settings: TrainingSettings
) -> int:
    """Trainable numbers of one network with `inputs` features; padding is not counted."""
    depth = configuration.depth
    if configuration.topology is Topology.RECURRENT:
        inputs = sequence_shape(inputs)[1]
    hidden = 0
    for width in branch_widths(configuration):
        fan_in = inputs + (depth - 1) * width + depth  # a bias per layer
        if configuration.topology is Topology.RECURRENT:
            fan_in += depth * width
        hidden += pieces(configuration, settings) * width * fan_in
    if is_gated(configuration, settings):
        hidden *= 2
    return hidden + (configuration.width + 1) * output_units(classes)
