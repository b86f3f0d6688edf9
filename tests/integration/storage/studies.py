"""Studies and measurements for the tests of storage."""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from storage.database.engine import Database
from storage.owners import Owner
from storage.studies.leases import Lease, acquire_lease
from storage.studies.runs import Direction, NewRun, StudyRun, create_run
from storage.trials.records import FinishedTrial, NewTrial

DISTRIBUTIONS = {
    "depth": IntDistribution(1, 8),
    "activation": CategoricalDistribution(("relu", "tanh", None)),
    "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
}


def make_run(
    database: Database, name: str = "digits", directions: tuple[Direction, ...] = ("maximize",)
) -> StudyRun:
    """A study with a run."""
    return create_run(
        database,
        NewRun(
            name,
            directions,
            {"name": name, "budget": {"trials": 10}},
            specification_sha256="ab" * 32,
            data_sha256="cd" * 32,
            seed=2**40,
            versions={"torch": "2.13"},
            user_attributes={"data": "digits"},
            system_attributes={"study:metric_names": ["accuracy", "gap"]},
        ),
    )


def take_lease(database: Database, name: str = "digits", seconds: float = 60.0) -> Lease:
    """A lease of this process on the study."""
    return acquire_lease(database, name, Owner.this_process(), seconds)


def new_trial(depth: int = 3) -> NewTrial:
    """A trial with three parameters."""
    parameters = {"depth": depth, "activation": "tanh", "learning_rate": 0.01 * depth}
    return NewTrial(parameters, DISTRIBUTIONS, {"by": "test"}, {"batch": [1, {"of": None}]})


def finished(number: int, state: TrialState = TrialState.COMPLETE, **changes: Any) -> FinishedTrial:
    """An end with rows in every table: 2 replicates × 2 members × 3 points × 2 layers."""
    fields: dict[str, Any] = {
        "values": [0.9 + number / 1e6] if state is TrialState.COMPLETE else None,
        "user_attributes": {"test_accuracy": 0.8, "generalization_gap": 0.1 + 0.2},
        "intermediate_values": {0: 0.5, 5: float("nan"), 10: float("inf")},
        "result": {"topology": "feedforward", "depth": 3, "test_accuracy": 0.1 + 0.7, "epochs": 30},
        "replicates": [replicate_row(r) for r in range(2)],
        "members": [member_row(r, m) for r in range(2) for m in range(2)],
        "learning_curves": [curve_row(r, e) for r in range(2) for e in (1, 2, 4)],
        "layer_statistics": [layer_row(r, x) for r in range(2) for x in (1, 2)],
    }
    return FinishedTrial(number, state, **(fields | changes))


ROWS = {"results": 1, "replicates": 2, "members": 4, "learning_curves": 6, "layer_statistics": 4}
"""How many rows `finished` brings to each table."""

_CURVE = {
    f"{part}_{kind}": 1 / 3
    for part in ("train", "validation", "test")
    for kind in ("accuracy", "loss")
}


def replicate_row(replicate: int) -> Mapping[str, Any]:
    return {
        "replicate": replicate,
        **_CURVE,
        "train_accuracy_clean": None,
        "balanced_test_accuracy": 0.25,
        "generalization_gap": 0.0625,
        "train_examples": 100,
        "validation_examples": 20,
        "test_examples": 12,
        "validation_correct": b"\x00\xff\x10",
        "test_correct": b"\xf0\x01",
    }


def member_row(replicate: int, member: int) -> Mapping[str, Any]:
    extra = {
        f"{kind}_{part}_accuracy": 2 / 3
        for kind in ("first", "subset")
        for part in ("train", "validation", "test")
    }
    return {
        "replicate": replicate,
        "member": member,
        **_CURVE,
        **extra,
        "epochs": 30,
        "diverged": member == 1,
    }


def curve_row(replicate: int, epoch: int) -> Mapping[str, Any]:
    return {"replicate": replicate, "epoch": epoch, **_CURVE}


def layer_row(replicate: int, layer: int) -> Mapping[str, Any]:
    return {
        "replicate": replicate,
        "layer": layer,
        "epoch": 0,
        "gradient_norm": 1e-300,
        "activation_mean": -0.5,
        "activation_std": 0.1,
        "saturated": 1.0,
    }
