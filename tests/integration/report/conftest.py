"""Small studies that were really run, once for all tests of reports."""

import pytest

from study.launching.launch import launch
from study.specification.files import validated

SMALL = {
    "data": {"source": "wine"},
    "training": {"epochs": 3, "replicates": 2, "evaluations": 3},
}
GRID = SMALL | {
    "name": "grid",
    "sampler": "grid",
    "search": {
        "depth": [1, 3],
        "width": 8,
        "activation": ["relu", "tanh", "sigmoid"],
        "ensemble_size": [1, 3],
        "learning_rate": 0.03,
    },
    "claims": [
        {
            "says": "Deep <sigmoid> networks are worse",
            "quantity": "test_accuracy",
            "of": {"activation": "sigmoid", "depth": 3},
            "against": {"activation": "relu", "depth": 1},
            "expect": "lower",
        }
    ],
}
ADAPTIVE = SMALL | {
    "name": "adaptive",
    "sampler": "tpe",
    "search": {"depth": {"low": 1, "high": 3}, "width": [8, 16], "learning_rate": 0.03},
    "budget": {"trials": 10},
}
ONE = SMALL | {"name": "one", "seed": 1, "sampler": "grid", "search": {"width": 8}}
# Its networks learn nothing, its labels are wrong, and it has one replicate.
NOTHING = {
    "name": "nothing",
    "data": {"source": "wine", "label_noise": 0.2},
    "training": {"epochs": 2, "replicates": 1},
    "objective": "validation_loss",
    "search": {"initialization": "zeros", "depth": [1, 2], "width": 8},
    "sampler": "random",
    "budget": {"trials": 2},
}


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    """The URL of a database with the studies grid, adaptive, one and nothing."""
    url = f"sqlite:///{tmp_path_factory.mktemp('report') / 'study.db'}"
    for document in (GRID, ADAPTIVE, ONE, NOTHING):
        launch(validated(document, document["name"]), storage=url, ray="serial")
    return url
