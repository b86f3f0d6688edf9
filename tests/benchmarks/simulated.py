"""Studies that were never run: frames like those of storage.reading.frames, with a known truth.

An example is right with probability expit(skill of the trial + luck of the replicate − difficulty
of the example), so that trials share what is hard, as they do in reality.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit


@dataclass(frozen=True)
class SimulatedStudy:
    """results, replicates and splits as the analysis reads them."""

    results: pd.DataFrame
    replicates: pd.DataFrame
    splits: pd.DataFrame


def outcomes(generator, skill, luck, examples, difficulty_spread):
    """Right or wrong [T, R, N] for skill [T] and luck [T or 1, R]; difficulties are shared."""
    difficulty = generator.normal(0.0, difficulty_spread, examples)
    chance = expit(skill[:, None, None] + luck[:, :, None] - difficulty)
    return generator.random(chance.shape) < chance


def as_study(hyperparameters, train, test_correct, validation_correct) -> SimulatedStudy:
    """Frames from train accuracies [T, R] and outcomes [T, R, N] and [T, R, n]."""
    trials, replicates, examples = test_correct.shape
    validating = validation_correct.shape[2]
    test, validation = test_correct.mean(axis=2), validation_correct.mean(axis=2)
    results = pd.DataFrame(
        {
            "trial": np.arange(trials),
            "state": pd.Categorical(["COMPLETE"] * trials),
            "duplicate_of": pd.array([None] * trials, dtype="Int64"),
            **hyperparameters,
            "train_accuracy": train.mean(axis=1),
            "validation_accuracy": validation.mean(axis=1),
            "test_accuracy": test.mean(axis=1),
            "generalization_gap": (train - test).mean(axis=1),
        }
    )
    rows = pd.DataFrame(
        {
            "trial": np.repeat(np.arange(trials), replicates),
            "replicate": np.tile(np.arange(replicates), trials),
            "train_accuracy": train.ravel(),
            "validation_correct": _packed(validation_correct),
            "test_correct": _packed(test_correct),
        }
    )
    splits = pd.DataFrame(
        {
            "replicate": np.arange(replicates),
            "train_examples": 1000,
            # Every replicate validates on examples of its own.
            "validation_index": [
                10_000 + validating * r + np.arange(validating) for r in range(replicates)
            ],
            "test_index": [np.arange(examples)] * replicates,
            "majority_validation_accuracy": 0.1,
            "majority_test_accuracy": 0.1,
        }
    )
    return SimulatedStudy(results, rows, splits)


def planted_study(
    generator, *, trials=60, replicates=3, examples=450, dropout_effect=0.15
) -> SimulatedStudy:
    """Of four hyperparameters only dropout moves the gap: by dropout_effect from 0 to 0.5."""
    dropout = generator.choice([0.0, 0.25, 0.5], trials)
    hyperparameters = {
        "dropout": dropout,
        "depth": generator.integers(1, 5, trials),
        "learning_rate": 10.0 ** generator.uniform(-4, -1, trials),
        "activation": pd.Categorical(generator.choice(["relu", "tanh", "elu"], trials)),
    }
    skill = 1.5 + generator.normal(0.0, 0.2, trials)
    luck = generator.normal(0.0, 0.1, (1, replicates)) + generator.normal(
        0.0, 0.1, (trials, replicates)
    )
    test = outcomes(generator, skill, luck, examples, 1.5)
    validation = outcomes(generator, skill, luck, 200, 1.5)
    expected = expit(skill[:, None] / 1.3 + luck)
    own = generator.normal(0.0, 0.01, (trials, replicates))
    train = expected + 0.25 - dropout_effect * dropout[:, None] / 0.5 + own
    return as_study(hyperparameters, train, test, validation)


def _packed(correct):
    flat = correct.reshape(-1, correct.shape[2])
    return [row.tobytes() for row in np.packbits(flat, axis=1)]
