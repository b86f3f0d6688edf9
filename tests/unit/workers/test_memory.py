"""Trials are trained at the same time only where their memory is there."""

import numpy as np
import pytest
import torch

from tests.unit.workers.test_cohort import DATA, assert_same, every_level, segment, works
from workers.configuration import Configuration, RecurrentCell, Topology, TrainingSettings
from workers.networks.network import Network
from workers.networks.shapes import pad
from workers.training import train
from workers.training.examples import prepare_examples
from workers.training.layer_statistics import PROBE_EXAMPLES
from workers.training.memory import SAFE_SHARE, network_bytes, split_to_fit
from workers.training.program import Program
from workers.training.train import train_segment


def tensors_of(thing, depth=0):
    """Every tensor that a thing holds on to."""
    if isinstance(thing, torch.Tensor):
        yield thing
    elif depth < 7 and thing is not None:
        parts = thing if isinstance(thing, list | tuple | dict) else getattr(thing, "__dict__", {})
        for value in parts.values() if isinstance(parts, dict) else parts:
            yield from tensors_of(value, depth + 1)


@pytest.mark.parametrize("cell", list(RecurrentCell))
@pytest.mark.parametrize("topology", list(Topology))
@pytest.mark.parametrize(("depth", "width", "batch"), [(1, 8, 8), (3, 40, 30), (6, 130, 64)])
def test_the_estimate_covers_what_a_program_holds(topology, cell, depth, width, batch):
    settings = TrainingSettings(replicates=1, recurrent_cell=cell)
    examples = prepare_examples(DATA, 0, 1, 0.0, torch.float32, torch.device("cpu"))
    configuration = Configuration(
        topology=topology, depth=depth, width=width, batch_size=batch, dropout=0.5
    )
    networks = [Network(trial, configuration, 0, 0) for trial in range(4)]
    program = Program(networks, examples, settings, 0)
    program.train_epoch(1)
    program.predict([np.arange(examples.count)] * len(networks))
    probe = program.probe_layers(pad(PROBE_EXAMPLES))
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in tensors_of([program, probe])
    }
    held = sum(storages.values()) / len(networks)
    size = network_bytes(
        configuration,
        settings,
        inputs=examples.inputs,
        task=examples.task,
        examples=examples.count,
    )
    assert held < size < 12 * held


def test_more_of_anything_takes_more_memory():
    def size(**changes):
        configuration = Configuration(**({"depth": 2, "width": 32, "batch_size": 32} | changes))
        return network_bytes(
            configuration, TrainingSettings(), task=DATA.task, inputs=64, examples=1000
        )

    assert size() < size(depth=3) < size(depth=3, width=64) < size(depth=3, width=64, batch_size=99)


def test_trials_are_cut_into_stretches_that_fit():
    trials = works([Configuration()] * 5)
    free = round(100 / SAFE_SHARE)
    sizes = [60, 40, 70, 500, 10]
    parts = split_to_fit(trials, sizes, free)
    assert [[work.trial for work in part] for part in parts] == [[0, 1], [2], [3], [4]]
    assert split_to_fit([], [], free) == []


def test_a_segment_on_a_cpu_is_one_cohort():
    whole = segment(works([Configuration()] * 3))
    examples = prepare_examples(DATA, 0, 2, 0.0, torch.float32, torch.device("cpu"))
    assert train.trials_at_once(whole, examples) == [whole.trials]


def test_trials_one_after_the_other_are_equal_to_trials_together(monkeypatch):
    trials = works(list(every_level(Topology.FEEDFORWARD))[:6])
    together = train_segment(segment(trials), DATA)
    monkeypatch.setattr(
        train,
        "trials_at_once",
        lambda whole, examples: split_to_fit(whole.trials, [1] * len(whole.trials), 3),
    )
    apart = train_segment(segment(trials), DATA)
    assert [t.trial for t in apart[0].trials] == [t.trial for t in together[0].trials]
    for work in trials:
        assert_same(apart, together, work.trial)
