"""How much of a device's memory networks take, and which trials fit into it at the same time.

An estimate from sizes alone, made to be too large rather than too small; what it does not foresee
(the allocator's rounding, work space of products) is left to SAFE_SHARE.
"""

from collections.abc import Sequence

from workers.configuration import Configuration, Topology, TrainingSettings
from workers.networks.parameters import BIAS_MULTIPLE
from workers.networks.shapes import (
    branch_widths,
    is_gated,
    output_units,
    pad,
    pieces,
    rows_class,
    sequence_shape,
    width_bucket,
)
from workers.segment import TrialWork

SAFE_SHARE = 0.8  # of the free memory
STACKS = 4  # weights, gradients and two moments
ROW_TENSORS = 6  # of a layer: inputs, pre-activations, activations, their gradients, masks
OTHER_ROWS = 256  # of evaluation and of the look at gradients, beside those of the batch
COPIES = 2  # programs are made anew, before the old ones go, when networks stop
COEFFICIENTS = 8  # of the update, per matrix and step of an epoch


def network_bytes(
    configuration: Configuration,
    settings: TrainingSettings,
    *,
    inputs: int,
    classes: int,
    examples: int,
    item: int = 4,
) -> int:
    """Bytes of one network in training, `item` per number; examples are all that there are."""
    depth, outputs = configuration.depth, pad(output_units(classes))
    widths = branch_widths(configuration)
    width = width_bucket(max(widths))
    slices = len(widths) * pieces(configuration, settings)
    gates = 2 if is_gated(configuration, settings) else 1
    steps = 1
    recurrent = configuration.topology is Topology.RECURRENT
    if recurrent:
        steps, inputs = sequence_shape(inputs)
        steps += 1  # the state before the first
    inputs = pad(inputs)
    layer_inputs = inputs + (depth - 1) * width

    bias = -(-width // BIAS_MULTIPLE) * BIAS_MULTIPLE
    matrices = slices * gates * width * (layer_inputs + depth * width * recurrent)
    parameters = matrices + slices * gates * depth * bias
    parameters += len(widths) * width * outputs + outputs + BIAS_MULTIPLE

    rows = rows_class(pad(min(configuration.batch_size, examples)))
    per_row = ROW_TENSORS * slices * gates * steps * (depth * width + inputs)
    activations = (rows + OTHER_ROWS) * (per_row + 4 * outputs)

    batches = -(-examples // min(configuration.batch_size, examples))
    coefficients = batches * COEFFICIENTS * (3 * slices * gates * depth + 2)
    indices = batches * rows * (slices + 3) * 8 // item
    predictions = 2 * classes * examples
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
