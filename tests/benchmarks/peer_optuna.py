"""One Optuna process of the comparison: python peer_optuna.py TRIALS SEED

The one with seed 0 makes the study; the others wait for it, because Optuna's storage does not stand
two processes that make its tables at the same time.
"""

import sys
import time
from pathlib import Path

import optuna

from tests.benchmarks.reference_study import load, train_trial


def main(trials: int, seed: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = load()
    made = Path("made")
    while seed and not made.exists():
        time.sleep(0.02)
    study = optuna.create_study(
        study_name="reference",
        storage="sqlite:///optuna.db",
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        load_if_exists=True,
    )
    made.touch()

    def objective(trial: optuna.Trial) -> float:
        measured = train_trial(
            {
                "depth": trial.suggest_int("depth", 1, 5),
                "activation": trial.suggest_categorical("activation", ["relu", "tanh", "elu"]),
                "dropout": trial.suggest_float("dropout", 0.0, 0.5),
                "ensemble_size": trial.suggest_int("ensemble_size", 1, 4),
                "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
                "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True),
            },
            data,
        )
        for name, value in measured.items():
            trial.set_user_attr(name, value)
        return measured["validation_accuracy"]

    study.optimize(objective, n_trials=trials)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
