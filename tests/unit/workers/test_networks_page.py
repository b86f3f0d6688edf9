"""docs/networks.md says what is trained: its tables are computed with, and its statements checked
against scipy and NumPy."""

import importlib
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from workers.configuration import (
    Activation,
    Configuration,
    Initialization,
    Optimizer,
    RecurrentCell,
    Topology,
    TrainingSettings,
)
from workers.data import DataSource, dataset_from_memory
from workers.data.splitting import noisy_labels, split_dataset
from workers.networks.activations import activation_function
from workers.networks.dropout import Dropout
from workers.networks.initializers import initial_weights
from workers.networks.network import Network
from workers.networks.parameters import real_blocks
from workers.segment import Segment, TrialWork
from workers.training.batches import draw_batches
from workers.training.examples import prepare_examples
from workers.training.program import Program
from workers.training.train import train_segment

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "networks.md").read_text("utf-8")
SETTINGS = TrainingSettings(replicates=1)
PLACE = re.compile(r"`(workers(?:\.[a-z_]+)+)\.(\w+)(\(\))?(?:\.(\w+))?(?:\[(\d+)\])?`")


def table(heading):
    """The rows of the table whose first column has the heading: cells as texts."""
    _, _, after = PAGE.partition(f"\n| {heading} |")
    lines = after.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def named(rows):
    return [row[0].strip("`") for row in rows]


def in_the_code(place):
    """The value at a place such as `module.NAME[0]` or `module.Class().field`."""
    module, name, call, field, index = PLACE.fullmatch(place).groups()
    value = getattr(importlib.import_module(module), name)
    value = value() if call else value
    value = getattr(value, field) if field else value
    return value[int(index)] if index else value


@pytest.mark.parametrize(("name", "value", "place"), table("constant"))
def test_a_constant_of_the_page_is_the_codes(name, value, place):
    assert float(value) == float(in_the_code(place)), name


def test_a_constant_that_is_another_would_be_noticed():
    assert float("0.99") != in_the_code("`workers.training.optimizers.ADAM_BETAS[0]`")


@pytest.mark.parametrize(
    ("heading", "members"),
    [
        ("topology", Topology),
        ("cell", RecurrentCell),
        ("activation", Activation),
        ("initialization", Initialization),
        ("optimizer", Optimizer),
    ],
)
def test_the_page_has_a_row_for_each_level_and_no_other(heading, members):
    assert named(table(heading)) == [member.value for member in members]


@pytest.mark.parametrize("place", re.findall(r"`(tests/[\w/]+\.py::\w+)`", PAGE))
def test_a_test_that_the_page_names_is_there(place):
    path, _, function = place.partition("::")
    assert f"def {function}(" in (ROOT / path).read_text("utf-8")


WORDS = {
    "exp": math.exp,
    "tanh": math.tanh,
    "max": max,
    "sqrt": math.sqrt,
    "Phi": stats.norm.cdf,
    "slope": SETTINGS.leaky_relu_slope,
    "alpha": SETTINGS.elu_alpha,
    **{
        row[0]: float(row[1]) for row in table("constant") if row[0] in ("selu_scale", "selu_alpha")
    },
}


def computed(formula, **values):
    """What a formula of the page gives."""
    return eval(formula.strip("`"), {"__builtins__": {}}, WORDS | values)


@pytest.mark.parametrize(
    "row", [row for row in table("activation") if "`maxout`" not in row], ids=lambda row: row[0]
)
def test_an_activation_is_what_its_formula_says(row):
    function = activation_function(Activation(row[0].strip("`")), SETTINGS)
    z = torch.linspace(-6.0, 6.0, 97, dtype=torch.float64)
    found = torch.empty_like(z)
    function.forward(z.clone(), found)
    expected = [float(computed(row[1], z=value)) for value in z.tolist()]
    assert found.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-12)


FAN_IN, FAN_OUT = 150, 60


@pytest.mark.parametrize("row", table("initialization"), ids=lambda row: row[0])
def test_initial_weights_are_distributed_as_their_row_says(row):
    rng = np.random.default_rng(1)
    drawn = initial_weights(Initialization(row[0].strip("`")), FAN_IN, FAN_OUT, rng)
    assert drawn.shape == (FAN_IN, FAN_OUT)
    if row[1].startswith("orthonormal"):
        assert np.allclose(drawn.T @ drawn, np.eye(FAN_OUT))
        wide = initial_weights(Initialization.ORTHOGONAL, FAN_OUT, FAN_IN, rng)
        assert np.allclose(wide @ wide.T, np.eye(FAN_OUT))
        return
    scale = computed(row[2], fan_in=FAN_IN, fan_out=FAN_OUT)
    if row[1] == "constant":
        assert (drawn == scale).all()
        return
    expected = {"normal": stats.norm(0, scale), "uniform": stats.uniform(-scale, 2 * scale)}[row[1]]
    assert stats.kstest(drawn.ravel(), expected.cdf).pvalue > 0.001
    # The two fans are unlike enough that one in the place of the other is found out.
    assert stats.kstest(drawn.ravel() * 1.1, expected.cdf).pvalue < 0.001


def made_up_examples(classes=3, count=120, noise=0.0):
    rng = np.random.default_rng(classes)
    data = dataset_from_memory(
        rng.normal(3.0, 2.0, size=(count, 16)), np.arange(count) % classes, DataSource("arrays")
    )
    return data, prepare_examples(data, 5, 1, noise, torch.float64, torch.device("cpu"))


@pytest.mark.parametrize("topology", Topology)
def test_a_network_begins_with_biases_of_zero_and_weights_of_its_scheme(topology):
    _, examples = made_up_examples()
    settings = TrainingSettings(replicates=1, recurrent_cell=RecurrentCell.GATED)
    configuration = Configuration(
        topology=topology, depth=3, width=64, initialization=Initialization.LECUN_NORMAL
    )
    program = Program((Network(0, configuration, 0, 0),), examples, settings, 5)
    program.initialize(0)
    blocks = real_blocks(program.weights.take(0), program.parameters, 0)
    for block, parameter in zip(blocks, program.parameters.of_network(0), strict=True):
        if parameter.is_bias:
            assert not block.any(), parameter.name
            continue
        # The output of split_merge reads two halves: scaled by the whole width.
        fan_in = 64 if parameter.layer == 0 else parameter.fan_in
        count = block.numel()
        expected = 1.0 / math.sqrt(fan_in)
        assert float(block.std()) == pytest.approx(expected, rel=4.0 / math.sqrt(2 * count))


def dropout_masks(rate, steps=60, width=64, rows=32):
    """The masks of so many steps of one network: [steps, units and rows]."""
    network = Network(0, Configuration(depth=1, width=width, dropout=rate), 0, 0)
    dropout = Dropout([network], [rows], (1, 1, rows, width), torch.zeros(1, dtype=torch.float64))
    dropout.start_epoch(7, 1)
    drawn = []
    for step in range(steps):
        dropout.draw(step, [steps])
        drawn.append(dropout.masks.clone().ravel().numpy())
    return np.array(drawn)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75])
def test_dropout_has_a_grid_of_probabilities_and_the_scale_of_the_one_asked_for(rate):
    masks = dropout_masks(rate)
    assert set(np.unique(masks)) == {0.0, 1.0 / (1.0 - rate)}
    off = int((masks == 0.0).sum())
    assert stats.binomtest(off, masks.size, round(65536 * rate) / 65536).pvalue > 0.001
    assert not np.array_equal(masks[0], masks[1])


def test_a_probability_below_half_a_step_of_the_grid_switches_nothing_off():
    rate = 0.4 / 65536
    assert set(np.unique(dropout_masks(rate))) == {1.0 / (1.0 - rate)}


@pytest.mark.parametrize(("fraction", "batch_size"), [(1.0, 16), (0.37, 7), (0.5, 1000)])
def test_an_epoch_takes_each_example_of_the_prefix_once_and_the_last_batch_what_is_left(
    fraction, batch_size
):
    _, examples = made_up_examples()
    split = examples.splits[0]
    configuration = Configuration(train_fraction=fraction, batch_size=batch_size)
    network = Network(0, configuration, 0, 0)
    count = max(1, round(fraction * len(split.train)))
    orders = []
    for epoch in (1, 2):
        drawn = draw_batches([network], np.array([0]), examples, 1000, 5, epoch)
        assert drawn.steps == (math.ceil(count / batch_size),)
        weights = drawn.weights[:, 0, :, 0].numpy()
        rows = drawn.target_rows.view(drawn.steps[0], -1).numpy()
        used = [own[weight > 0] for own, weight in zip(rows, weights, strict=True)]
        assert sorted(np.concatenate(used)) == sorted(split.train[:count])
        sizes = [len(own) for own in used]
        assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
        for weight, size in zip(weights, sizes, strict=True):
            assert weight[weight > 0] == pytest.approx(1.0 / size)
        orders.append(np.concatenate(used).tolist())
    assert orders[0] != orders[1]


def test_features_are_standardized_by_the_whole_training_split():
    data, examples = made_up_examples()
    split = examples.splits[0]
    train = data.numeric[split.train]
    expected = (data.numeric - train.mean(axis=0)) / train.std(axis=0, ddof=0)
    assert np.allclose(split.features, expected)


def test_label_noise_is_uniform_over_the_other_classes_of_training_examples():
    classes = 4
    data, _ = made_up_examples(classes=classes, count=4000)
    train = split_dataset(data, 0, 0).train
    noisy = noisy_labels(data, train, 0, 0, 0.5)
    changed = np.flatnonzero(noisy != data.target)
    assert len(changed) == round(0.5 * len(train))
    assert set(changed) <= set(train)
    shifts = np.bincount((noisy - data.target)[changed] % classes, minlength=classes)
    assert shifts[0] == 0
    assert stats.chisquare(shifts[1:]).pvalue > 0.001


def test_a_stopped_network_has_the_weights_of_its_lowest_validation_loss():
    data, _ = made_up_examples()
    patience = 3

    def trained(epochs, allowed):
        configuration = Configuration(learning_rate=0.03, width=64, early_stopping_patience=allowed)
        settings = TrainingSettings(epochs=epochs, replicates=1)
        return train_segment(Segment((TrialWork(0, configuration),), settings, 5, 0, epochs), data)

    report, state = trained(40, patience)
    kept = state.trials[0].networks[0, 0]
    losses = [
        trained(epochs, None)[0].trials[0].replicates[0].members[0].validation_loss
        for epochs in range(1, kept.best_epoch + patience + 1)
    ]
    assert kept.stopped
    assert int(np.argmin(losses)) + 1 == kept.best_epoch
    assert report.trials[0].replicates[0].members[0].validation_loss == min(losses)
