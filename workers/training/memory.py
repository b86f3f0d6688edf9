"""How much of a device's memory networks take, and which trials fit into it at the same time.

An estimate from sizes alone, made to be too large rather than too small; what it does not foresee
(the allocator's rounding, work space of products) is left to SAFE_SHARE.
"""

import math
from collections.abc import Sequence

from workers.configuration import Configuration, TrainingSettings
from workers.networks.parameters import padded_extents, padded_shape
from workers.networks.shapes import pad, rows_class
from workers.networks.topologies.registry import (
    branch_widths,
    network_parameters,
    network_topology,
)
from workers.networks.wiring import INPUT, Extent
from workers.segment import TrialWork
from workers.tasks.task import Task

SAFE_SHARE = 0.8  # of the free memory
STACKS = 4  # weights, gradients and two moments
ROW_TENSORS = 6  # of a layer: inputs, pre-activations, activations, their gradients, masks
OTHER_ROWS = 256  # of evaluation and of the layer statistics, beside those of the batch
COPIES = 2  # programs are made anew, before the old ones go, when networks stop
COEFFICIENTS = 8  # of the update, per matrix and step of an epoch


def network_bytes(
    configuration: Configuration,
    settings: TrainingSettings,
    *,
    inputs: int,
    task: Task,
    examples: int,
    item: int = 4,
) -> int:
    """Bytes of one network in training, `item` per number; examples are all that there are."""
    steps, step_inputs = network_topology(configuration.topology, settings).sequence_shape(inputs)
    extents = padded_extents(step_inputs, max(branch_widths(configuration)), task.outputs)
    own = network_parameters(configuration, settings, inputs, task.outputs)
    parameters = sum(math.prod(padded_shape(parameter.role, extents)) for parameter in own)

    # Every bias stands for the units of a slice of a layer, or for those of a gate beside them.
    hidden = sum(parameter.layer > 0 and parameter.role.rows is Extent.ONE for parameter in own)
    reading = sum(parameter.role.rows is Extent.INPUTS for parameter in own)
    reads_itself = any(p.layer == 1 and p.role.rows is Extent.UNITS for p in own)
    states = steps + reads_itself  # the one before the first step
    per_row = hidden * extents[Extent.UNITS] + reading * extents[Extent.INPUTS]
    rows = rows_class(pad(min(configuration.batch_size, examples)))
    output_rows = 4 * extents[Extent.OUTPUTS]
    activations = (rows + OTHER_ROWS) * (ROW_TENSORS * states * per_row + output_rows)

    batches = -(-examples // min(configuration.batch_size, examples))
    coefficients = batches * COEFFICIENTS * len(own)
    slices = sum(parameter.role is INPUT for parameter in own)
    indices = batches * rows * (slices + 3) * 8 // item
    predictions = 2 * task.predicted * examples
    numbers = STACKS * parameters + activations + coefficients + indices + predictions
    return COPIES * item * numbers


def split_to_fit(
    trials: Sequence[TrialWork], trial_bytes: Sequence[int], free_bytes: int
) -> list[tuple[TrialWork, ...]]:
    """Stretches of trials that fit one after the other; a trial that never fits stands alone."""
    parts: list[list[TrialWork]] = []
    taken = 0
    for work, size in zip(trials, trial_bytes, strict=True):
        if not parts or taken + size > SAFE_SHARE * free_bytes:
            parts.append([])
            taken = 0
        parts[-1].append(work)
        taken += size
    return [tuple(part) for part in parts]
