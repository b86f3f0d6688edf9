"""Tests that use programs directly compute as workers do."""

import pytest

from workers.networks.arithmetic import independent_arithmetic


@pytest.fixture(autouse=True)
def computing_as_workers_do():
    with independent_arithmetic():
        yield
