"""The same cohorts on a GPU: close to the CPU's numbers, and chosen when one is visible."""

from dataclasses import replace

import pytest
import torch

from tests.unit.workers.test_cohort import DATA, WIRINGS, every_level, segment, works
from workers.configuration import Topology, TrainingSettings
from workers.training.train import train_segment

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device is visible to this process"
)

TRAINING = TrainingSettings(epochs=2, replicates=1)


@pytest.mark.parametrize(("topology", "cell"), WIRINGS)
def test_a_cohort_on_a_gpu_is_close_to_the_same_on_a_cpu(topology, cell):
    trials = works(replace(c, learning_rate=1e-3) for c in every_level(topology))
    whole = segment(trials, last=2, training=replace(TRAINING, recurrent_cell=cell))
    on_gpu, _ = train_segment(whole, DATA, device="cuda", dtype=torch.float64)
    on_cpu, _ = train_segment(whole, DATA, device="cpu", dtype=torch.float64)
    assert on_gpu.device == torch.cuda.get_device_name()
    assert on_gpu.fingerprint != on_cpu.fingerprint
    for own, other in zip(on_gpu.trials, on_cpu.trials, strict=True):
        for mine, theirs in zip(own.replicates, other.replicates, strict=True):
            assert mine.train_loss == pytest.approx(theirs.train_loss, rel=1e-6)


def test_a_visible_gpu_is_chosen():
    report, _ = train_segment(segment(works(list(every_level(Topology.RESIDUAL))[:2])), DATA)
    assert report.device == torch.cuda.get_device_name()
