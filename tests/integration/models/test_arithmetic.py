"""An exported ensemble computes what was measured: every topology, cell and activation."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from study import load_model
from study.models.description import (
    Accuracies,
    Description,
    Member,
    Provenance,
    Replayed,
    describe_features,
)
from study.models.directory import write_description, write_weights
from workers.configuration import (
    Activation,
    Configuration,
    RecurrentCell,
    Topology,
    TrainingSettings,
)
from workers.data import DataSource, dataset_from_memory, load_dataset
from workers.segment import Segment, TrialWork
from workers.training.ensemble import measure_ensemble, reported_weights, take_ensemble
from workers.training.train import train_segment

WIRINGS = [
    *((topology, RecurrentCell.SIMPLE) for topology in Topology),
    (Topology.RECURRENT, RecurrentCell.GATED),
]
REPLICATES = 2


def made_up_data(classes, examples=83, features=7):
    rng = np.random.default_rng(classes)
    target = np.arange(examples) % classes
    numbers = rng.normal(3.0, 2.0, size=(examples, features)) + 1.5 * target[:, None]
    return dataset_from_memory(numbers, target, DataSource("arrays"))


def variants(topology):
    """Every activation; members, early stopping, depths, odd widths and divergence among them."""
    for i, activation in enumerate(Activation):
        yield Configuration(
            topology=topology,
            depth=1 + i % 3,
            width=(5, 11, 16)[i % 3],
            activation=activation,
            dropout=0.2 * (i % 2),
            ensemble_size=1 + i % 3,
            learning_rate=0.03,
            batch_size=16,
            train_fraction=1.0 - 0.2 * (i % 2),
            early_stopping_patience=(None, 1, 2)[i % 3],
        )
    yield Configuration(topology=topology, learning_rate=1e30, ensemble_size=2)


def trained(topology, cell, classes):
    dataset = made_up_data(classes)
    works = tuple(TrialWork(n, c) for n, c in enumerate(variants(topology)))
    settings = TrainingSettings(
        epochs=6, replicates=REPLICATES, recurrent_cell=cell, maxout_pieces=3
    )
    segment = Segment(works, settings, 11, 0, 6, label_noise=0.1)
    return dataset, segment, *train_segment(segment, dataset)


def export_to(folder, dataset, segment, measured, state, replicate):
    """Write one trial's ensemble as the product does, from a training of many trials."""
    own = measured.replicates[replicate]
    weights = [
        None if m.diverged else reported_weights(state, measured.trial, replicate, m.member)
        for m in own.members
    ]
    ensemble = take_ensemble(segment, dataset, replicate, weights)
    tensors = {
        f"members.{k}.{name}": tensor
        for k, member in enumerate(ensemble.members)
        for name, tensor in (member or {}).items()
    }
    accuracies = Accuracies(train_accuracy=0, validation_accuracy=0, test_accuracy=0)
    description = Description(
        target="target",
        labels=tuple(range(len(dataset.task.names))),
        class_counts=ensemble.target.counts,
        features=describe_features(dataset, ensemble.preprocessing),
        ignored=(),
        configuration=vars_of(ensemble.configuration),
        training=vars_of(ensemble.settings),
        members=tuple(Member(epochs=m.epochs, diverged=m.diverged) for m in own.members),
        weights_sha256=write_weights(folder, tensors),
        provenance=Provenance(
            study="s",
            trial=measured.trial,
            replicate=replicate,
            seed=11,
            data="arrays",
            data_sha256=dataset.sha256,
            refit=False,
            training_examples=ensemble.target.examples,
            recorded=accuracies,
            replayed=Replayed(exact=True, tolerance=0.0, measured=accuracies),
            recorded_fingerprint="",
            fingerprint="",
            versions={},
            exported_at="",
        ),
    )
    write_description(folder, description)
    return load_model(folder)


def vars_of(value):
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("wiring", WIRINGS, ids="-".join)
def test_what_was_written_measures_what_was_measured(wiring, classes, tmp_path):
    dataset, segment, report, state = trained(*wiring, classes)
    diverged = 0
    for work, measured in zip(segment.trials, report.trials, strict=True):
        alone = replace(segment, trials=(work,))
        for replicate, recorded in enumerate(measured.replicates):
            folder = tmp_path / f"{work.trial}-{replicate}"
            folder.mkdir()
            model = export_to(folder, dataset, alone, measured, state, replicate)
            found = measure_ensemble(model.ensemble, alone, dataset, replicate)
            assert found == (
                recorded.train_accuracy,
                recorded.validation_accuracy,
                recorded.test_accuracy,
            )
            sizes = [sum(t.size for t in m.values()) for m in model.ensemble.members if m]
            assert all(size == measured.parameters for size in sizes)
            diverged += len(recorded.members) - len(sizes)
            if sizes:
                assert_plain_reading_agrees(folder, model, dataset)
    assert diverged == REPLICATES * 2, "the rate of 1e30 was to make its networks diverge"


def assert_plain_reading_agrees(folder: Path, model, dataset) -> None:
    """The tensors mean what they are called: plain NumPy gets the same probabilities."""
    tensors = load_file(folder / "weights.safetensors")
    numbers = model.description.numbers
    x = (dataset.numeric - [f.mean for f in numbers]) / [f.deviation for f in numbers]
    members = []
    for k, member in enumerate(model.description.members):
        assert not member.diverged
        own = {
            name.removeprefix(f"members.{k}."): t.astype(np.float64)
            for name, t in tensors.items()
            if name.startswith(f"members.{k}.")
        }
        members.append(PlainNetwork(model.description, own).probabilities(x))
    frame = pd.DataFrame(dataset.numeric, columns=list(dataset.names))
    predicted = model.predict_proba(frame).to_numpy()
    np.testing.assert_allclose(predicted, np.mean(members, axis=0), atol=2e-4)


class PlainNetwork:
    """A network as anyone would write it who has the file and its description only."""

    def __init__(self, description, tensors) -> None:
        self.configuration, self.training = description.configuration, description.training
        self.tensors = tensors

    def probabilities(self, x):
        hidden = self.sequence(x) if self.configuration["topology"] == "recurrent" else None
        if hidden is None:
            hidden = np.concatenate([self.branch(x, name) for name in self.branches()], axis=1)
        logits = hidden @ self.output() + self.tensors["output.bias"]
        if logits.shape[1] == 1:
            positive = 1 / (1 + np.exp(-logits))
            return np.concatenate([1 - positive, positive], axis=1)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def branches(self):
        split = self.configuration["topology"] == "split_merge"
        return ["branch.0.", "branch.1."] if split else [""]

    def output(self):
        return np.concatenate([self.tensors[f"output.{b}weight"] for b in self.branches()])

    def pieces(self):
        maxout = self.configuration["activation"] == "maxout"
        return [f"piece.{p}." for p in range(self.training["maxout_pieces"])] if maxout else [""]

    def branch(self, x, branch):
        h = x
        for layer in range(1, self.configuration["depth"] + 1):
            names = [f"hidden.{layer}.{branch}{piece}" for piece in self.pieces()]
            new = self.activate(
                [h @ self.tensors[f"{n}weight"] + self.tensors[f"{n}bias"] for n in names]
            )
            residual = self.configuration["topology"] == "residual" and layer > 1
            h = h + new if residual else new
        return h

    def sequence(self, x):
        per_step = math.isqrt(x.shape[1])
        steps = -(-x.shape[1] // per_step)
        padded = np.pad(x, ((0, 0), (0, steps * per_step - x.shape[1])))
        items = np.split(padded, steps, axis=1)
        for layer in range(1, self.configuration["depth"] + 1):
            names = [f"hidden.{layer}.{piece}" for piece in self.pieces()]
            h, outputs = np.zeros((len(x), self.configuration["width"])), []
            for item in items:
                h = self.step(item, h, names)
                outputs.append(h)
            items = outputs
        return items[-1]

    def step(self, item, h, names):
        if self.training["recurrent_cell"] == "simple":
            return self.activate([self.affine(item, h, name) for name in names])
        mixed = []
        for name in names:
            f = 1 / (1 + np.exp(-self.affine(item, h, f"{name}gate.")))
            candidate = self.affine(item, f * h, name)
            if len(names) == 1:
                candidate = self.activate([candidate])
            mixed.append((1 - f) * h + f * candidate)
        return np.max(mixed, axis=0)

    def affine(self, item, h, name):
        own = self.tensors
        recurrent = h @ own[f"{name}recurrent_weight"]
        return item @ own[f"{name}weight"] + recurrent + own[f"{name}bias"]

    def activate(self, pieces):
        z = np.max(pieces, axis=0)
        with np.errstate(over="ignore"):
            functions = {
                "sigmoid": lambda: 1 / (1 + np.exp(-z)),
                "tanh": lambda: np.tanh(z),
                "relu": lambda: np.maximum(z, 0),
                "leaky_relu": lambda: np.where(z > 0, z, self.training["leaky_relu_slope"] * z),
                "elu": lambda: np.where(z > 0, z, self.training["elu_alpha"] * np.expm1(z)),
                "maxout": lambda: z,
                "gelu": lambda: z * 0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2))),
                "silu": lambda: z / (1 + np.exp(-z)),
                "selu": lambda: (
                    1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z))
                ),
            }
            return functions[self.configuration["activation"]]()


def test_a_row_is_predicted_alike_alone_and_among_others(tmp_path):
    dataset, segment, report, state = trained(Topology.FEEDFORWARD, RecurrentCell.SIMPLE, 3)
    alone = replace(segment, trials=segment.trials[:1])
    model = export_to(tmp_path, dataset, alone, report.trials[0], state, 0)
    frame = pd.DataFrame(dataset.numeric, columns=list(dataset.names))
    everything = model.predict_proba(frame).to_numpy()
    for row in (0, 5, 82):
        assert model.predict_proba(frame[row : row + 1]).to_numpy().tobytes() == (
            everything[row : row + 1].tobytes()
        )
    many = pd.concat([frame] * 400, ignore_index=True)
    again = model.predict_proba(many).to_numpy().reshape(400, *everything.shape)
    assert (again == everything).all()


def test_an_ensemble_of_diverged_networks_predicts_class_frequencies(tmp_path):
    dataset, segment, report, state = trained(Topology.RESIDUAL, RecurrentCell.SIMPLE, 3)
    alone = replace(segment, trials=segment.trials[-1:])
    model = export_to(tmp_path, dataset, alone, report.trials[-1], state, 1)
    frame = pd.DataFrame(dataset.numeric, columns=list(dataset.names))
    counts = np.asarray(model.description.class_counts)
    assert (model.predict_proba(frame).to_numpy() == counts / counts.sum()).all()
    assert set(model.predict(frame)) == {int(counts.argmax())}


def test_examples_on_which_a_network_overflows_get_class_frequencies(tmp_path):
    dataset, segment, report, state = trained(Topology.RESIDUAL, RecurrentCell.SIMPLE, 3)
    relu = next(w for w in segment.trials if w.configuration.activation is Activation.RELU)
    alone = replace(segment, trials=(relu,))
    model = export_to(tmp_path, dataset, alone, report.trials[relu.trial], state, 0)
    frame = pd.DataFrame(dataset.numeric[:3], columns=list(dataset.names))
    calm = model.predict_proba(frame).to_numpy()
    frame.loc[1] = 3e38
    found = model.predict_proba(frame).to_numpy()
    counts = np.asarray(model.description.class_counts)
    np.testing.assert_allclose(found[1], counts / counts.sum(), rtol=1e-6)
    assert (found[[0, 2]] == calm[[0, 2]]).all()


def test_truth_tables_are_predicted_from_their_raw_bits(tmp_path):
    dataset = load_dataset(DataSource("xor"))
    work = TrialWork(0, Configuration(width=16, learning_rate=0.05, activation=Activation.TANH))
    segment = Segment((work,), TrainingSettings(epochs=60, replicates=1), 1, 0, 60)
    report, state = train_segment(segment, dataset)
    model = export_to(tmp_path, dataset, segment, report.trials[0], state, 0)
    assert report.trials[0].replicates[0].test_accuracy == 1.0
    bits = pd.DataFrame({"bit1": [0, 1, 0, 1], "bit0": [0, 0, 1, 1]})
    assert model.predict(bits).tolist() == [0, 1, 1, 0]
