"""Ray Tune with OptunaSearch in the comparison: python peer_tune.py default|reuse TRIALS"""

import sys
import tempfile
from typing import Any

import ray
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from tests.benchmarks.reference_study import load, train_trial


class Trial(tune.Trainable):
    """A trial that is trained in one step; its actor can be used again for another."""

    def setup(self, config: dict[str, Any]) -> None:
        self.data = load()

    def step(self) -> dict[str, Any]:
        return {**train_trial(self.config, self.data), "done": True}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.config = new_config
        return True

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing is kept."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing was kept."""


def main(mode: str, trials: int) -> None:
    ray.init(include_dashboard=False, log_to_driver=False)
    space = {
        "depth": tune.randint(1, 6),
        "activation": tune.choice(["relu", "tanh", "elu"]),
        "dropout": tune.uniform(0.0, 0.5),
        "ensemble_size": tune.randint(1, 5),
        "learning_rate": tune.loguniform(1e-4, 1e-1),
        "weight_decay": tune.loguniform(1e-6, 1e-2),
    }
    with tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            Trial,
            param_space=space,
            tune_config=tune.TuneConfig(
                metric="validation_accuracy",
                mode="max",
                num_samples=trials,
                search_alg=OptunaSearch(),
                reuse_actors=mode == "reuse",
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
