"""Studies with a known truth, made of numbers: what sentences are tried on."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from storage.studies.runs import StudyRun
from storage.tables.status import RunStatus
from study.analysis import Measurements
from study.specification.spec import StudySpec
from workers.configuration import Configuration

EXAMPLES = 400


def situation(
    trials: int = 12,
    replicates: int = 3,
    *,
    accuracy: Any = 0.85,
    luck: float = 0.005,
    train_accuracy: Any = 0.95,
    train_loss: Any = 0.2,
    test_loss: Any = 0.4,
    majority: float = 0.5,
    balanced: Any = None,
    seed: int = 0,
    truth_table: bool = False,
    classes_recorded: bool = True,
    states: dict[int, str] | None = None,
    diverged: Any = 0,
    hyperparameters: dict[str, Any] | None = None,
    groups: int | None = None,
    copies: int = 0,
    fixed_split: bool = False,
    curve: Sequence[float] = (),
    **specification: Any,
) -> Measurements:
    """A study of two classes, of which the more frequent has the share `majority`.

    accuracy, train_accuracy, the losses, balanced and diverged are of all trials, or one for each;
    around accuracy the replicates have this luck, and examples are hard or easy for all.
    states name the trials that are not complete. groups is how many groups the test set has, copies
    how many test examples were trained on; with fixed_split all replicates validate on the same
    examples. curve are test losses at the first, the middle and the last epoch. specification
    replaces sections of the study's.
    """
    generator = np.random.default_rng(seed)
    means = np.broadcast_to(np.asarray(accuracy, dtype=float), trials)
    sides = {
        side: _outcomes(generator, means, luck, replicates, count)
        for side, count in (("validation", 200), ("test", EXAMPLES))
    }
    train = np.broadcast_to(np.asarray(train_accuracy, dtype=float), trials)[:, None]
    train = np.clip(train + generator.normal(0.0, 0.002, (trials, replicates)), 0.0, 1.0)
    if truth_table:
        sides["validation"] = sides["test"]
    results = _results(trials, train, sides, states or {}, hyperparameters or {})
    results["train_loss"] = np.broadcast_to(train_loss, trials)
    results["validation_loss"] = results["test_loss"] = np.broadcast_to(test_loss, trials)
    results["diverged"] = np.broadcast_to(diverged, trials)
    even = results["test_accuracy"] if balanced is None else balanced
    results["balanced_test_accuracy"] = np.broadcast_to(even, trials)
    rows = _replicates(train, sides, results)
    splits = _splits(replicates, majority, truth_table=truth_table, recorded=classes_recorded)
    splits["test_copies"] = [np.arange(EXAMPLES) < copies] * replicates
    if fixed_split:
        splits["validation_index"] = [splits["validation_index"].iloc[0]] * replicates
    if groups is not None:
        splits["groups"] = 2 * groups
        splits["test_groups"] = [np.arange(EXAMPLES) % groups] * replicates
        splits["validation_groups"] = [groups + np.arange(200) % groups] * replicates
    document = {"name": "a study", "data": {"source": "wine"}, "sampler": "random"} | specification
    spec = StudySpec.model_validate(document)
    return Measurements(
        run=_run(spec),
        results=results,
        replicates=rows,
        members=rows[["trial", "replicate"]].assign(member=0, diverged=False),
        learning_curves=_curves(trials, replicates, spec.training.epochs, curve, train_loss),
        layer_statistics=pd.DataFrame(),
        splits=splits,
    )


def with_results(measurements: Measurements, **columns: Any) -> Measurements:
    """The same with other columns of results."""
    return replace(measurements, results=measurements.results.assign(**columns))


def _outcomes(generator, means, luck, replicates, examples):
    """[T, R, N] of about these means: which examples are hard is the same for all."""
    difficulty = generator.random(examples)
    own = generator.normal(0.0, luck, (len(means), replicates, 1))
    noise = generator.normal(0.0, 0.02, (len(means), replicates, examples))
    return difficulty + noise < means[:, None, None] + own


def _results(trials, train, sides, states, hyperparameters):
    frame = pd.DataFrame({f.name: [f.default] * trials for f in fields(Configuration)})
    for name, values in hyperparameters.items():
        frame[name] = values
    for name in ("topology", "activation", "initialization", "optimizer"):
        frame[name] = frame[name].astype(str).astype("category")
    return frame.assign(
        trial=np.arange(trials),
        state=pd.Categorical([states.get(trial, "COMPLETE") for trial in range(trials)]),
        duplicate_of=pd.array([None] * trials, dtype="Int64"),
        error=[None] * trials,
        train_accuracy=train.mean(axis=1),
        train_accuracy_clean=train.mean(axis=1),
        validation_accuracy=sides["validation"].mean(axis=(1, 2)),
        test_accuracy=sides["test"].mean(axis=(1, 2)),
        generalization_gap=train.mean(axis=1) - sides["test"].mean(axis=(1, 2)),
        validation_gap=train.mean(axis=1) - sides["validation"].mean(axis=(1, 2)),
        parameters=1000,
    )


def _curves(trials, replicates, epochs, curve, train_loss):
    shape = [(t, r, e) for t in range(trials) for r in range(replicates) for e in range(len(curve))]
    at = [1, epochs // 2, epochs - 1]  # the last epoch's train loss is of other examples
    return pd.DataFrame(
        [
            {
                "trial": trial,
                "replicate": replicate,
                "epoch": at[place],
                "train_loss": np.broadcast_to(train_loss, trials)[trial],
                "test_loss": curve[place] + 0.001 * replicate * place,
                "test_accuracy": 0.85,
                "validation_accuracy": 0.85,
            }
            for trial, replicate, place in shape
        ],
        columns=[
            *("trial", "replicate", "epoch", "train_loss", "test_loss", "test_accuracy"),
            "validation_accuracy",
        ],
    )


def _replicates(train, sides, results):
    trials, replicates = train.shape
    packed = {
        f"{side}_correct": [
            row.tobytes() for row in np.packbits(correct.reshape(trials * replicates, -1), axis=1)
        ]
        for side, correct in sides.items()
    }
    return pd.DataFrame(
        {
            "trial": np.repeat(np.arange(trials), replicates),
            "replicate": np.tile(np.arange(replicates), trials),
            "train_accuracy": train.ravel(),
            **packed,
            **{
                name: np.repeat(results[name].to_numpy(), replicates)
                for name in ("train_loss", "validation_loss", "test_loss", "balanced_test_accuracy")
            },
            "validation_accuracy": sides["validation"].mean(axis=2).ravel(),
            "test_accuracy": sides["test"].mean(axis=2).ravel(),
            "train_examples": 1000,
            "validation_examples": sides["validation"].shape[2],
            "test_examples": sides["test"].shape[2],
        }
    )


def _splits(replicates, majority, *, truth_table, recorded):
    def counts(examples):
        return np.array([round(examples * majority), examples - round(examples * majority)])

    test = np.arange(EXAMPLES)
    return pd.DataFrame(
        {
            "replicate": np.arange(replicates),
            "purpose": "search",
            "train_examples": 1000,
            "validation_index": [
                test if truth_table else 10_000 + 200 * r + np.arange(200)
                for r in range(replicates)
            ],
            "test_index": [test] * replicates,
            "train_classes": [counts(1000) if recorded else None] * replicates,
            "validation_classes": [counts(200) if recorded else None] * replicates,
            "test_classes": [counts(EXAMPLES) if recorded else None] * replicates,
            "groups": pd.array([None] * replicates, dtype="Int64"),
            "validation_groups": [None] * replicates,
            "test_groups": [None] * replicates,
            "test_copies": [np.zeros(EXAMPLES, bool)] * replicates,
            "majority_validation_accuracy": majority,
            "majority_test_accuracy": majority,
        }
    )


def _run(spec: StudySpec) -> StudyRun:
    return StudyRun(
        study=spec.name,
        study_id=1,
        directions=tuple(objective.direction for objective in spec.objective),
        specification=spec.document(),
        specification_sha256=spec.sha256(),
        data_sha256="0" * 64,
        status=RunStatus.FINISHED,
        owner=None,
        lease_epoch=1,
        lease_expires_at=None,
        seed=spec.seed,
        versions={},
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        started_at=None,
        finished_at=None,
        error=None,
        detached=False,
        queued_at=None,
        claim_after=None,
        crashes=0,
    )
