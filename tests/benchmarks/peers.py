"""The whole service against its peers, on one machine, in one run.

    python -m tests.benchmarks.peers [--trials 200] [--rounds 3] [--default-trials 8]

The reference study: digits, depth 1 to 5, width 32, relu, tanh or elu, dropout, ensembles of 1 to
4, 10 epochs. Every peer trains the same networks on the same data with a well-written plain loop,
one thread a process, on the cores of this machine: Ray Tune with OptunaSearch as it comes (a new
process a trial, so it is given few trials) and with reuse_actors=True, and Optuna in one process
per core on SQLite. Times are of whole processes, start-up included, and shown apart; rounds of all
alternate, and medians are compared (Tune as it comes has one round). Ray Tune comes from the extra
`peers`.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from tests.benchmarks.reference_study import EPOCHS, SPEC

HERE = Path(__file__).parent


def ours(folder: Path, trials: int) -> float:
    """Seconds of `study launch` on the reference study."""
    (folder / "reference.yaml").write_text(SPEC)
    study = Path(sys.executable).parent / "study"
    return _timed([str(study), "launch", "reference.yaml", "--trials", str(trials)], folder)


def tune(folder: Path, trials: int, *, reuse: bool) -> float:
    """Seconds of Ray Tune with OptunaSearch."""
    mode = "reuse" if reuse else "default"
    return _timed([sys.executable, str(HERE / "peer_tune.py"), mode, str(trials)], folder)


def optuna_processes(folder: Path, trials: int) -> float:
    """Seconds of one plain Optuna process per core on one SQLite file."""
    cores = os.cpu_count() or 1
    shares = [trials // cores + (core < trials % cores) for core in range(cores)]
    command = [sys.executable, str(HERE / "peer_optuna.py")]
    began = time.perf_counter()
    processes = [
        subprocess.Popen([*command, str(share), str(core)], cwd=folder, env=_environment())
        for core, share in enumerate(shares)
    ]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise RuntimeError(f"a peer failed: exit codes {codes}")
    return time.perf_counter() - began


def _timed(command: list[str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(
        command, cwd=folder, env=_environment(), check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - began


def _environment() -> dict[str, str]:
    root = str(HERE.parent.parent)
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": root,
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--default-trials", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    runs = [
        ("study launch", ours, options.trials),
        ("Optuna, a process per core, SQLite", optuna_processes, options.trials),
    ]
    if importlib.util.find_spec("tensorboardX") is None:
        print("Ray Tune is left out: pip install '.[peers]'")
    else:
        runs += [
            ("Ray Tune, reuse_actors=True", lambda f, n: tune(f, n, reuse=True), options.trials),
            ("Ray Tune as it comes", lambda f, n: tune(f, n, reuse=False), options.default_trials),
        ]
    print(f"{os.cpu_count()} cores; {EPOCHS} epochs; start-up is the time of a run of one trial")
    start_ups: dict[str, list[float]] = defaultdict(list)
    seconds: dict[str, list[float]] = defaultdict(list)
    for number in range(options.rounds):
        for label, run, trials in runs:
            if number and trials != options.trials:
                continue
            with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
                start_ups[label].append(run(Path(first), 1))
                seconds[label].append(run(Path(second), trials))
            print(f"  {label}: {seconds[label][-1]:.1f} s", file=sys.stderr, flush=True)
    print(f"{'':36} {'trials':>6} {'seconds':>8} {'start-up':>8} {'trials/s':>8}  ours ÷ it")
    ours_per_second = options.trials / statistics.median(seconds[runs[0][0]])
    for label, _, trials in runs:
        took = statistics.median(seconds[label])
        print(
            f"{label:36} {trials:6} {took:8.1f} {statistics.median(start_ups[label]):8.1f} "
            f"{trials / took:8.2f} {ours_per_second * took / trials:9.1f}×"
        )


if __name__ == "__main__":
    main()
