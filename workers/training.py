"""Train a segment: the networks of its trials, program by program and epoch by epoch."""

import hashlib
import os
import platform
import socket
import time
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from workers.arithmetic import independent_arithmetic
from workers.cohort import Cohort
from workers.data import Dataset
from workers.examples import prepare_examples
from workers.segment import Segment, SegmentReport
from workers.states import CohortState, find_states


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
    one thread computes, since more of them would change the bits.
    """
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    wall, cpu = time.perf_counter(), time.process_time()
    with independent_arithmetic():
        examples = prepare_examples(
            dataset, segment.seed, segment.settings.replicates, segment.label_noise, dtype, place
        )
        cohort = Cohort(segment, examples)
        if segment.first_epoch == 0:
            cohort.initialize()
        else:
            cohort.restore(find_states(states, segment.trials, segment.first_epoch))
        cohort.train()
        cohort.finish()
    cpu = time.process_time() - cpu
    after = cohort.states(cpu)
    report = SegmentReport(
        trials=tuple(cohort.measure(state) for state in after),
        worker=f"{socket.gethostname()}/{os.getpid()}",
        device=torch.cuda.get_device_name(place) if place.type == "cuda" else "cpu",
        fingerprint=fingerprint(place.type),
        wall_seconds=time.perf_counter() - wall,
        cpu_seconds=cpu,
    )
    return report, CohortState(tuple(after))


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
