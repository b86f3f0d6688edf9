"""What is to be said once of every activation, topology, initialization and optimizer, is said.

Each failure names the file where it is missing.
"""

import pytest
import torch

from workers.configuration import Activation, TrainingSettings
from workers.networks.activations import FUNCTIONS, activation_function

SETTINGS = TrainingSettings()


@pytest.mark.parametrize("activation", list(Activation))
def test_every_activation_is_a_class_of_its_own(activation):
    assert activation in FUNCTIONS, f"workers/networks/activations.py: FUNCTIONS lacks {activation}"
    assert list(FUNCTIONS.values()).count(FUNCTIONS[activation]) == 1


@pytest.mark.parametrize("activation", list(Activation))
def test_every_activation_says_what_it_is_at_zero(activation):
    function = activation_function(activation, SETTINGS)
    found = torch.full((8,), torch.nan)
    function.forward(torch.zeros(8), found)
    assert found.unique().tolist() == [function.at_zero], (
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
