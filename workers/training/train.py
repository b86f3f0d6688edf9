"""Train a segment: the networks of its trials, program by program and epoch by epoch."""

import hashlib
import os
import platform
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import torch

from workers.data import Dataset
from workers.networks.arithmetic import independent_arithmetic
from workers.segment import Segment, SegmentReport, TrialMeasurements, TrialWork
from workers.training.cohort import Cohort
from workers.training.examples import Examples, prepare_examples
from workers.training.memory import network_bytes, split_to_fit
from workers.training.states import CohortState, TrialState, find_states


def train_segment(
    segment: Segment,
    dataset: Dataset,
    states: Sequence[CohortState] = (),
    *,
    device: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[SegmentReport, CohortState]:
    """Train the segment's trials and measure them; their states, to go on from, come back too.

    states may be those of several cohorts; each trial is found among them (ValueError if it is
    not there after first_epoch). device None: a GPU if this process sees one, else the CPU, where
    one thread computes, since more of them would change the bits. On a GPU the trials that do not
    fit into its free memory together are trained one after the other.
    """
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    wall, start = time.perf_counter(), time.process_time()
    cpu = 0.0
    with independent_arithmetic():
        examples = prepare_examples(
            dataset,
            segment.seed,
            segment.settings.replicates,
            segment.label_noise,
            dtype,
            place,
            refit=segment.refit,
            first_replicate=segment.first_replicate,
            shuffle=segment.shuffle,
        )
        measured: list[TrialMeasurements] = []
        after: list[TrialState] = []
        for trials in trials_at_once(segment, examples):
            cohort = _train_together(replace(segment, trials=trials), examples, states)
            seconds = time.process_time() - start
            own = cohort.states(seconds)
            measured += [cohort.measure(state) for state in own]
            after += own
            cpu += seconds
            start = time.process_time()
            del cohort  # its memory is for the next one
    report = SegmentReport(
        trials=tuple(measured),
        worker=f"{socket.gethostname()}/{os.getpid()}",
        device=torch.cuda.get_device_name(place) if place.type == "cuda" else "cpu",
        fingerprint=fingerprint(place.type),
        wall_seconds=time.perf_counter() - wall,
        cpu_seconds=cpu,
    )
    return report, CohortState(tuple(after))


def trials_at_once(segment: Segment, examples: Examples) -> list[tuple[TrialWork, ...]]:
    """All trials of the segment, or on a GPU those that fit into its free memory together."""
    device = examples.features.device
    if device.type != "cuda":
        return [segment.trials]
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    sizes = [
        work.configuration.ensemble_size
        * segment.settings.replicates
        * network_bytes(
            work.configuration,
            segment.settings,
            inputs=examples.inputs,
            task=examples.task,
            examples=examples.count,
            item=examples.features.element_size(),
        )
        for work in segment.trials
    ]
    return split_to_fit(segment.trials, sizes, free)


def _train_together(segment: Segment, examples: Examples, states: Sequence[CohortState]) -> Cohort:
    """Train all of the segment's trials at the same time."""
    cohort = Cohort(segment, examples)
    if segment.first_epoch == 0:
        cohort.initialize()
    else:
        cohort.restore(find_states(states, segment.trials, segment.first_epoch))
    cohort.train()
    cohort.finish()
    return cohort


@cache
def fingerprint(device_type: str) -> str:
    """What the bits of a result depend on beside its configuration, as a short name and a hash."""
    name = torch.cuda.get_device_name() if device_type == "cuda" else "cpu"
    facts = (
        torch.__version__,
        torch.__config__.show(),
        torch.backends.cpu.get_cpu_capability(),
        platform.machine(),
        np.__version__,
        name,
    )
    digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]
    return f"torch-{torch.__version__}/{facts[2]}/{name}/{digest}"
