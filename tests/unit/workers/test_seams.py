"""What has to be said of every activation, topology, initialization, optimizer and task is said.

Each failure names the file where it is missing.
"""

import importlib
import math
import pkgutil
from dataclasses import fields

import numpy as np
import pytest
import torch

import workers.networks.topologies
import workers.tasks
from workers.configuration import (
    Activation,
    Configuration,
    Initialization,
    Optimizer,
    RecurrentCell,
    Topology,
    TrainingSettings,
)
from workers.networks.activations import FUNCTIONS, activation_function
from workers.networks.initializers import initial_weights
from workers.networks.layers.layout import SliceLayout
from workers.networks.parameters import Stack, real_blocks
from workers.networks.shapes import pad
from workers.networks.topologies.registry import (
    TOPOLOGIES,
    count_parameters,
    network_parameters,
    network_topology,
)
from workers.segment import CurvePoint, MemberMeasurements, ReplicateMeasurements
from workers.tasks.classification import Classification
from workers.tasks.task import Task
from workers.training.optimizers import COEFFICIENTS, coefficients

SETTINGS = TrainingSettings()
INPUTS, OUTPUTS = 7, 3


@pytest.mark.parametrize("activation", list(Activation))
def test_every_activation_is_a_class_of_its_own(activation):
    assert activation in FUNCTIONS, f"workers/networks/activations.py: FUNCTIONS lacks {activation}"
    assert list(FUNCTIONS.values()).count(FUNCTIONS[activation]) == 1, "FUNCTIONS names one twice"


@pytest.mark.parametrize("activation", list(Activation))
def test_every_activation_says_what_it_is_at_zero(activation):
    function = activation_function(activation, SETTINGS)
    found = torch.full((8,), torch.nan)
    function.forward(torch.zeros(8), found)
    assert torch.equal(found.unique(), torch.tensor([function.at_zero])), (
        f"workers/networks/activations.py: {type(function).__name__}.at_zero is not f(0)"
    )


@pytest.mark.parametrize("activation", list(Activation))
def test_every_activation_has_the_derivative_of_its_function(activation):
    function = activation_function(activation, SETTINGS)
    z = torch.linspace(-4.03, 4.01, 200, dtype=torch.float64)
    step = 1e-6
    above, below, value, slope = (torch.empty_like(z) for _ in range(4))
    function.forward(z + step, above)
    function.forward(z - step, below)
    function.forward(z, value)
    function.backward(torch.ones_like(z), value if function.in_place else z, slope)
    assert torch.allclose(slope, (above - below) / (2 * step), atol=1e-6), (
        f"workers/networks/activations.py: {type(function).__name__}.backward"
    )


@pytest.mark.parametrize("activation", list(Activation))
def test_every_activation_says_where_it_is_flat(activation):
    """All of a unit's activations far below zero are; around zero none are."""
    function = activation_function(activation, SETTINGS)
    z = torch.stack([torch.full((50,), -30.0), torch.linspace(-1.0, 1.0, 50)], 1).double()
    values = torch.empty_like(z)
    function.forward(z, values)
    shares = [function.saturated_share(values.numpy()[:, unit : unit + 1]) for unit in range(2)]
    assert shares == [1.0 if function.pieces == 1 else 0.0, 0.0], (
        f"workers/networks/activations.py: {type(function).__name__}.saturated_share"
    )


def topology_file(topology):
    return f"{TOPOLOGIES[topology].__module__.replace('.', '/')}.py"


@pytest.mark.parametrize("topology", list(Topology))
def test_every_topology_has_a_class_in_a_file_of_its_own(topology):
    registry = "workers/networks/topologies/registry.py"
    assert topology in TOPOLOGIES, f"{registry}: TOPOLOGIES lacks {topology}"
    assert topology_file(topology) == f"workers/networks/topologies/{topology.value}.py"


@pytest.mark.parametrize("topology", list(Topology))
@pytest.mark.parametrize("activation", [Activation.TANH, Activation.MAXOUT])
@pytest.mark.parametrize("cell", list(RecurrentCell))
def test_every_topology_names_and_counts_the_numbers_that_its_layers_train(
    topology, activation, cell
):
    """A gradient reaches each of them, and nothing that is padded."""
    settings = TrainingSettings(recurrent_cell=cell)
    configuration = Configuration(topology=topology, activation=activation, depth=3, width=11)
    own = network_topology(topology, settings)
    layout = SliceLayout(own, [configuration], INPUTS, OUTPUTS, settings)
    weights, gradients = (
        Stack(layout.parameters, torch.float64, torch.device("cpu")) for _ in range(2)
    )
    rng = np.random.default_rng(0)
    rows = 64
    features = torch.zeros(rows, pad(INPUTS), dtype=torch.float64)
    features[:, :INPUTS] = torch.from_numpy(rng.normal(size=(rows, INPUTS)))
    layers = own.layers(layout, weights, rows, gradients)
    slices = len(layout.parameters.regions[0].owners)
    layers.gather(own.arrange(features, INPUTS), torch.arange(rows).repeat(slices))
    layers.d_logits[:1, :, :OUTPUTS] = torch.from_numpy(rng.normal(size=(1, rows, OUTPUTS)))
    learns = torch.zeros_like(weights.flat, dtype=torch.bool)
    for _ in range(10):  # a piece of maxout may be nowhere the largest, by some weights
        for block in layout.parameters.networks[0]:
            shape = block.parameter.fan_in, block.parameter.fan_out
            padded = weights.regions[block.region][block.slot]
            padded[: shape[0], : shape[1]] = torch.from_numpy(rng.normal(size=shape))
        layers.forward()
        layers.backward()
        learns |= gradients.flat != 0
    learning = int(learns.sum())
    counted = count_parameters(configuration, settings, INPUTS, OUTPUTS)
    names = [p.name for p in network_parameters(configuration, settings, INPUTS, OUTPUTS)]
    matrices = real_blocks(weights.take(0), layout.parameters, 0)
    assert counted == learning == sum(m.numel() for m in matrices), topology_file(topology)
    assert len(set(names)) == len(names) == len(matrices), topology_file(topology)


@pytest.mark.parametrize("initialization", list(Initialization))
@pytest.mark.parametrize("shape", [(3, 8), (8, 3), (0, 2), (5, 5)])
def test_every_initialization_draws_finite_weights(initialization, shape):
    weights = initial_weights(initialization, *shape, np.random.default_rng(0))
    assert weights is not None, f"workers/networks/initializers.py: {initialization} is no case"
    assert weights.shape == shape
    assert np.isfinite(weights).all()


@pytest.mark.parametrize("optimizer", list(Optimizer))
def test_every_optimizer_steps_against_the_gradient(optimizer):
    """From gradient 1, by the rule at the head of the module."""
    table = coefficients(Configuration(optimizer=optimizer), SETTINGS, np.array([1]))
    own = dict(zip(COEFFICIENTS, table[:, 0].tolist(), strict=True))
    m, v = own["first"], own["second"]
    step = own["step"] * m / (own["scale"] * math.sqrt(v) + own["epsilon"])
    assert 0 < step < 1, f"workers/training/optimizers.py: {optimizer}"


def every_task():
    """The classes of all files in workers/tasks."""
    for module in pkgutil.iter_modules(workers.tasks.__path__):
        importlib.import_module(f"workers.tasks.{module.name}")
    return Task.__subclasses__()


@pytest.mark.parametrize("task", every_task())
@pytest.mark.parametrize("measured", [CurvePoint, MemberMeasurements, ReplicateMeasurements])
def test_every_task_has_fields_for_its_score_and_its_loss(task, measured):
    names = {field.name for field in fields(measured)}
    wanted = {
        f"{side}_{name}"
        for side in ("train", "validation", "test")
        for name in (task.score_name, "loss")
    }
    assert wanted <= names, f"workers/segment.py: {measured.__name__} lacks {wanted - names}"


def test_what_a_classification_measures_besides_has_fields():
    task, target = Classification(("a", "b")), np.array([0, 1, 1])
    found = task.other_metrics(target == 1, target, np.arange(3))
    assert found == {"balanced_test_accuracy": 0.5}
    assert set(found) <= {field.name for field in fields(ReplicateMeasurements)}


@pytest.mark.parametrize("labels", [[0, 1, 1], [0, 1, 2, 2, 2]])
def test_a_constant_prediction_of_a_classification_reaches_the_share_of_its_largest_class(labels):
    task, target = Classification.from_target(np.array(labels))
    summary = task.summarize(target)
    assert task.baseline(summary, target) == max(np.bincount(labels)) / len(labels)
    assert summary.fallback.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_gradient_of_a_task_is_that_of_its_losses(classes):
    task = Classification(tuple(map(str, range(classes))))
    rng = np.random.default_rng(0)
    target = rng.integers(0, classes, 6)
    logits = torch.zeros(1, 6, pad(task.outputs), dtype=torch.float64)
    logits[:, :, : task.outputs] = torch.from_numpy(rng.normal(size=(1, 6, task.outputs)))

    def loss(logits):
        predicted = torch.empty(1, task.predicted, 6, dtype=torch.float64)
        task.predict(logits.clone(), predicted)
        return task.losses(predicted[0].numpy(), target).sum()

    coded = torch.from_numpy(task.code(target[None], pad(task.outputs)))
    gradient = torch.empty_like(logits)
    task.loss_gradient(logits.clone(), coded, torch.ones(1, 6, 1, dtype=torch.float64), gradient)
    for row, unit in [(0, 0), (3, task.outputs - 1), (5, 0)]:
        change = torch.zeros_like(logits)
        change[0, row, unit] = 1e-6
        slope = (loss(logits + change) - loss(logits - change)) / 2e-6
        assert slope == pytest.approx(float(gradient[0, row, unit]), abs=1e-6)
    assert (gradient[:, :, task.outputs :] == 0).all()


def test_every_file_of_a_topology_is_entered():
    files = {module.name for module in pkgutil.iter_modules(workers.networks.topologies.__path__)}
    entered = {topology.__module__ for topology in TOPOLOGIES.values()}
    left = files - {name.rpartition(".")[2] for name in entered} - {"registry", "topology"}
    assert not left, f"workers/networks/topologies/registry.py: TOPOLOGIES lacks {sorted(left)}"
