"""What successive halving saves and what it costs: the same study with it and without.

    python -m tests.benchmarks.halving                    # five seeds, about four minutes
    python -m tests.benchmarks.halving --seeds 1          # only some of the seeds
    python -m tests.benchmarks.halving --sampler tpe

The built-in study `digits` with 27 epochs and one replicate; the networks are trained, in this
process. With random search and the same seed both studies try the same configurations. The price
is counted in network-epochs: the epochs of a trial times its networks, up to where it ended.
"""

import argparse
import tempfile
import time

import pandas as pd

from study.launching.launch import launch
from study.specification.files import read_specification

TRIALS = 100
EPOCHS = 27


def train(folder: str, seed: int, pruner: str, sampler: str) -> tuple[pd.DataFrame, float]:
    """The results of a study, and how many seconds it took."""
    spec = read_specification(
        "digits",
        overrides=[
            *(f"seed={seed}", f"pruner={pruner}", f"sampler={sampler}", "training.replicates=1"),
            *(f"training.epochs={EPOCHS}", f"budget.trials={TRIALS}", "confirm=null"),
        ],
    )
    began = time.perf_counter()
    outcome = launch(spec, storage=f"sqlite:///{folder}/{pruner}-{seed}.db", ray="serial")
    return outcome.results(), time.perf_counter() - began


def network_epochs(results: pd.DataFrame) -> int:
    """How many epochs of how many networks were trained."""
    trained = results[results.duplicate_of.isna()]
    return int((trained.epochs * trained.ensemble_size).sum())


def best(results: pd.DataFrame) -> pd.Series:
    """The trial that the study picks: a complete one."""
    complete = results[results.state == "COMPLETE"]
    return complete.loc[complete.validation_accuracy.idxmax()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--sampler", default="random")
    options = parser.parse_args()
    print(f"digits, {TRIALS} trials of {EPOCHS} epochs, sampler {options.sampler}")
    print(
        f"{'seed':>4} {'best, all':>10} {'halved':>8} {'loss':>7} {'test, all':>10} {'halved':>8} "
        f"{'network-epochs':>15} {'halved':>7} {'share':>6} {'ended early':>12} {'seconds':>12}"
    )
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            every, long = train(folder, seed, "none", options.sampler)
            halved, short = train(folder, seed, "successive_halving", options.sampler)
        ours, theirs = best(halved), best(every)
        price, whole = network_epochs(halved), network_epochs(every)
        print(
            f"{seed:4} {theirs.validation_accuracy:10.4f} {ours.validation_accuracy:8.4f} "
            f"{theirs.validation_accuracy - ours.validation_accuracy:+7.4f} "
            f"{theirs.test_accuracy:10.4f} {ours.test_accuracy:8.4f} {whole:15} {price:7} "
            f"{price / whole:6.0%} {(halved.state == 'PRUNED').sum():12} "
            f"{f'{long:.0f} → {short:.0f}':>12}",
            flush=True,
        )


if __name__ == "__main__":
    main()
