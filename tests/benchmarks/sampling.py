"""What the batched TPE finds and what its asks cost, beside Optuna's TPE and random search.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.sampling              # everything: 20 minutes
    OMP_NUM_THREADS=1 python -m tests.benchmarks.sampling --only cost  # 1 minute
    OMP_NUM_THREADS=1 python -m tests.benchmarks.sampling --only quality --objective valley

Quality: the best value after 100 and after 300 trials, all objectives minimized, median and
quartiles over the seeds. Trials are asked for in batches and told of when the whole batch has
ended. Optuna's TPE runs with its defaults. Random search does not depend on batches.

Cost: CPU time per ask in the space of the built-in study `digits`, on studies in memory; what it
takes to read the trials that have finished since is included, evaluating them is not.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import create_trial

from study import BatchTPESampler
from study.specification.files import read_specification
from study.specification.space import search_space
from tests.benchmarks.sampling_objectives import OBJECTIVES, Objective

CHECKPOINTS = (100, 300)
BATCHES = (1, 8, 16)
HISTORIES = (100, 1_000, 5_000, 10_000)
Run = Callable[[Objective, int, int], list[float]]  # objective, seed, batch → best so far


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--only", choices=("quality", "cost"))
    parser.add_argument("--objective", choices=tuple(OBJECTIVES), action="append")
    parser.add_argument("--batch", type=int, choices=BATCHES, action="append")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if options.only != "cost":
        for name in options.objective or OBJECTIVES:
            report_quality(OBJECTIVES[name](), range(options.seeds), options.batch or BATCHES)
    if options.only != "quality":
        report_cost()


def report_quality(objective: Objective, seeds: Sequence[int], sizes: Sequence[int]) -> None:
    """One table: a row per sampler and size of batch."""
    print(f"\n{objective.name}, {len(seeds)} seeds: median [quartiles] of the best value")
    print(f"{'':14}{'batch':>6}" + "".join(f"{f'{n} trials':>30}" for n in CHECKPOINTS))
    random = best_values(run_optuna(RandomSampler), objective, seeds, 1)
    print_row("random", "any", random)
    for batch in sizes:
        stock = best_values(run_optuna(TPESampler), objective, seeds, batch)
        print_row("Optuna's TPE", batch, stock)
        ours = best_values(run_ours, objective, seeds, batch)
        print_row("ours", batch, ours, note=verdict(ours, stock, random))


def best_values(run: Run, objective: Objective, seeds: Sequence[int], batch: int) -> Any:
    """The best value by seed and checkpoint: an array [seeds, checkpoints]."""
    runs = [run(objective, seed, batch) for seed in seeds]
    return np.array([[best[count - 1] for count in CHECKPOINTS] for best in runs])


def print_row(name: str, batch: object, values: Any, note: str = "") -> None:
    """Median and quartiles at every checkpoint."""
    cells = [
        f"{np.median(column):10.4f} [{np.quantile(column, 0.25):.4f}, "
        f"{np.quantile(column, 0.75):.4f}]"
        for column in values.T
    ]
    print(f"{name:14}{batch:>6}" + "".join(f"{cell:>30}" for cell in cells) + note, flush=True)


def verdict(ours: Any, stock: Any, random: Any) -> str:
    """Whether at every checkpoint the median is at most Optuna's plus its interquartile range,
    and below random search's lower quartile."""
    median = np.median(ours, axis=0)
    quartiles = np.quantile(stock, [0.25, 0.75], axis=0)
    allowed = np.median(stock, axis=0) + quartiles[1] - quartiles[0]
    kept = "yes" if (median <= allowed).all() else "NO"
    better = "yes" if (median < np.quantile(random, 0.25, axis=0)).all() else "NO"
    return f"   within Optuna's range: {kept}, better than random: {better}"


def run_ours(objective: Objective, seed: int, batch: int) -> list[float]:
    """The best value so far after every trial of a study in batches."""
    sampler = BatchTPESampler(seed)
    study = optuna.create_study(sampler=sampler)
    values: list[float] = []
    for count in batches(batch):
        for parameters in sampler.sample_batch(study, objective.space, count):
            values.append(objective.loss(parameters))
            study.add_trial(
                create_trial(
                    params=parameters, distributions=dict(objective.space), value=values[-1]
                )
            )
    return list(np.minimum.accumulate(values))


def run_optuna(sampler: Callable[..., BaseSampler]) -> Run:
    """The same with one of Optuna's samplers."""

    def run(objective: Objective, seed: int, batch: int) -> list[float]:
        study = optuna.create_study(sampler=sampler(seed=seed))
        values: list[float] = []
        for count in batches(batch):
            trials = [study.ask(dict(objective.space)) for _ in range(count)]
            for trial in trials:
                values.append(objective.loss(trial.params))
                study.tell(trial, values[-1])
        return list(np.minimum.accumulate(values))

    return run


def batches(size: int) -> Iterator[int]:
    """Sizes of batches that add up to the last checkpoint."""
    for begun in range(0, CHECKPOINTS[-1], size):
        yield min(size, CHECKPOINTS[-1] - begun)


def report_cost() -> None:
    """One table: CPU milliseconds per ask, a row per length of history."""
    space = search_space(read_specification("digits"))
    print(f"\nCPU ms per ask, {len(space)} parameters; median of 9")
    print(f"{'trials':>8}{'Optuna, 1':>12}{'ours, 1':>12}{'ours, 16':>12}")
    storage = optuna.storages.InMemoryStorage()
    sampler = BatchTPESampler(0)
    study = optuna.create_study(storage=storage, study_name="cost", sampler=sampler)
    rng = np.random.default_rng(0)

    def finish(proposals: list[dict[str, Any]]) -> None:
        for parameters in proposals:
            value = float(rng.normal()) + parameters["depth"]
            study.add_trial(create_trial(params=parameters, distributions=space, value=value))

    for trials in HISTORIES:
        while (count := trials - len(study.get_trials(deepcopy=False))) > 0:
            # A sampler that has seen nothing proposes at random.
            blank = optuna.create_study()
            finish(BatchTPESampler(trials + count).sample_batch(blank, space, min(count, 500)))
        by_size = {
            size: milliseconds(lambda size=size: sampler.sample_batch(study, space, size), finish)
            / size
            for size in (1, 16)
        }
        stock = optuna.load_study(study_name="cost", storage=storage, sampler=TPESampler(seed=0))
        theirs = milliseconds(
            lambda stock=stock: stock.ask(space),
            lambda trial, stock=stock: stock.tell(trial, 0.0),
        )
        print(f"{trials:8}{theirs:12.2f}{by_size[1]:12.2f}{by_size[16]:12.2f}", flush=True)


def milliseconds(ask: Callable[[], Any], finish: Callable[[Any], object]) -> float:
    """The median CPU time of an ask; every ask's trials are finished before the next."""
    taken = []
    for _ in range(9):
        start = time.process_time()
        asked = ask()
        taken.append((time.process_time() - start) * 1e3)
        finish(asked)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
