"""What a coordinator costs, with workers that cost nothing.

    python -m tests.benchmarks.overhead                  # all of it, about four minutes
    python -m tests.benchmarks.overhead --quick
    python -m tests.benchmarks.overhead --only end       # or cluster, fill
    python -m tests.benchmarks.overhead --only cluster --database sqlite --profile FILE

The coordinator, the batched TPE and the storage are the real ones. The pool trains nothing, and
reports as many rows as a training has: of every replicate the ensemble, its members, a learning
curve, and two statistics of each layer.

end      10,000 trials from end to end, by the clock: trials a second, and whether the cost of a
         trial grows (the last thousand against the second; the first has the start in it): by
         medians of hundreds, and by the thousands as they were. The reference study of the peers
         has one replicate, the built-in study digits three.
cluster  1,000 workers and trials of 30 s in virtual time, in which the coordinator's own time
         passes as well, second for second: the share of the workers' time that was spent training.
         Counted are the whole run, and the steady part, from when every worker has been given its
         first trial until the last trial is dispatched. What Ray needs to hand out tasks is not in
         it.
fill     Networks of a task, and of a fused program, divided by what pays; weighted by networks,
         so that it is the share that the typical network sees. Of a program more networks pay the
         narrower they are: "of 64" is measured by the most, "that pay" by what their width allows.
         Also for a space in which every field is a range.
"""

import argparse
import cProfile
import random
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from storage.database.opening import open_database
from study.monitoring.events import CohortDispatched, Event, TrialsCommitted
from study.monitoring.progress import NoProgress
from study.specification.files import read_specification
from study.specification.spec import StudySpec
from tests.benchmarks.reference_study import SPEC as REFERENCE
from tests.benchmarks.storage import postgresql_urls, sqlite_urls
from tests.benchmarks.unloaded_pool import UnloadedPool
from tests.integration.study.bench import Bench
from workers.networks.network import Network, enumerate_networks, group_networks
from workers.networks.shapes import width_bucket
from workers.networks.topologies.registry import branch_widths
from workers.segment import Segment

SERVERS = {"sqlite": sqlite_urls, "postgresql": postgresql_urls}
TRAINING_EXAMPLES = 1078  # of a replicate of digits
SECONDS = 30.0  # of a trial on the cluster
WORKERS = 1000
# Every field is a range, and what has no order has all its levels.
RANGES = """\
name: ranges
data: {source: digits}
search:
  topology: [feedforward, residual, split_merge, recurrent]
  depth: {low: 1, high: 8}
  width: {low: 8, high: 128}
  activation: [sigmoid, tanh, relu, leaky_relu, elu, maxout, gelu, silu, selu]
  initialization: [xavier_normal, he_normal]
  dropout: {low: 0.0, high: 0.5}
  ensemble_size: {low: 1, high: 5}
  learning_rate: {low: 1e-4, high: 1e-1, log: true}
  weight_decay: {low: 1e-6, high: 1e-2, log: true}
  batch_size: {low: 16, high: 256, log: true}
  train_fraction: {low: 0.2, high: 1.0}
training: {epochs: 10, replicates: 3}
"""

STUDIES = {"reference": REFERENCE, "digits": "digits"}


def specification(text: str, trials: int, *overrides: str) -> StudySpec:
    """One of the studies, with its budget; text may be the name of a built-in one."""
    changed = [f"budget.trials={trials}", "confirm=null", *overrides]
    if "\n" not in text:
        return read_specification(text, overrides=changed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.yaml"
        path.write_text(text)
        return read_specification(str(path), overrides=changed)


class Notes(NoProgress):
    """When trials were committed, and how many networks cohorts were to have."""

    def __init__(self) -> None:
        self.committed: list[float] = []
        self.wanted: list[float] = []

    def record_event(self, event: Event) -> None:
        if isinstance(event, TrialsCommitted):
            self.committed += [time.perf_counter()] * event.complete
        elif isinstance(event, CohortDispatched):
            self.wanted.append(event.wanted)


# ── End to end ───────────────────────────────────────────────────────────────────────────────────


def end_to_end(server: str, study: str, trials: int, profile: str | None) -> None:
    """A study by the clock, two slots."""
    spec = specification(STUDIES[study], trials, "budget.hours=1000.0")
    notes = Notes()
    pool = UnloadedPool(2, seconds_of=lambda segment: 1.0)
    profiler = cProfile.Profile() if profile else None
    with SERVERS[server]() as urls, open_database(next(urls)) as database:
        bench = Bench(database, "", notes)
        began = time.perf_counter()
        with profiler or nullcontext():
            bench.coordinator(spec, pool).run()
        seconds = time.perf_counter() - began
    if profiler and profile:
        profiler.dump_stats(profile)
    done = notes.committed
    if len(done) != trials:
        raise SystemExit(f"{len(done)} trials were committed, not {trials}")
    tenth = trials // 10
    whole = [(done[end - 1] - done[end - tenth - 1]) / tenth for end in (2 * tenth, trials)]
    second, last = typical(done, 2 * tenth, tenth), typical(done, trials, tenth)
    print(
        f"{server:12} {study:10} {trials:8} {seconds:9.1f} {trials / seconds:9.0f} "
        f"{1e3 * second:10.2f} {1e3 * last:8.2f} {last / second:8.2f} {whole[1] / whole[0]:8.2f} "
        f"{1e3 * pool.worked / trials:12.2f}",
        flush=True,
    )


def typical(done: list[float], end: int, count: int) -> float:
    """Seconds per trial of the `count` trials before `end`: the median of ten parts, because a
    checkpoint of the database falls into one thousand or another."""
    part = count // 10
    starts = range(end - count, end, part)
    return statistics.median((done[s + part - 1] - done[s - 1]) / part for s in starts)


def report_ends(databases: list[str], trials: int, profile: str | None) -> None:
    """A line for each database."""
    print(
        f"{'end to end':12} {'study':10} {'trials':>8} {'seconds':>9} {'trials/s':>9} "
        f"{'ms: second':>10} {'last':>8} {'ratio':>8} {'of means':>8} {'coordinator':>12}"
    )
    for study in STUDIES:
        for server in databases:
            end_to_end(server, study, trials, profile)


# ── A thousand workers ───────────────────────────────────────────────────────────────────────────


def cluster(server: str, trials: int, spread: float, profile: str | None) -> None:
    """Trials of SECONDS, give or take a share `spread`, on WORKERS workers."""

    def seconds_of(segment: Segment) -> float:
        return sum(
            SECONDS * random.Random(work.trial).uniform(1 - spread, 1 + spread)
            for work in segment.trials
        )

    spec = specification(REFERENCE, trials, "search.ensemble_size=1")
    pool = UnloadedPool(WORKERS, seconds_of=seconds_of, charge=True)
    profiler = cProfile.Profile() if profile else None
    with SERVERS[server]() as urls, open_database(next(urls)) as database:
        coordinator = Bench(database, "").coordinator(spec, pool)
        with profiler or nullcontext():
            coordinator.run()
    if profiler and profile:
        profiler.dump_stats(profile)
    makespan = max(end for _, end in pool.intervals)
    full, last = pool.intervals[WORKERS - 1][0], pool.intervals[-1][0]
    print(
        f"{server:12} {trials:8} {f'± {spread:.0%}' if spread else 'equal':>8} {makespan:9.1f} "
        f"{busy_share(pool, 0.0, makespan):7.1%} {full:9.1f} "
        f"{busy_share(pool, full, last):7.1%} {makespan - last:9.1f} "
        f"{1e3 * pool.worked / trials:12.2f} {pool.worked / makespan:8.0%}",
        flush=True,
    )


def busy_share(pool: UnloadedPool, start: float, end: float) -> float:
    """The share of the workers' time between two moments in which they trained."""
    overlaps = (min(stop, end) - max(began, start) for began, stop in pool.intervals)
    return sum(max(0.0, overlap) for overlap in overlaps) / (WORKERS * (end - start))


def report_cluster(databases: list[str], trials: int, profile: str | None) -> None:
    """Trials that all take as long, and trials that do not."""
    print(
        f"{'1,000 workers':12} {'trials':>7} {'seconds':>8} {'makespan':>9} {'busy':>7} "
        f"{'all begun':>9} {'steady':>7} {'drain':>9} {'coordinator':>12} {'of time':>8}"
    )
    for server in databases:
        for spread in (0.3, 0.0):
            cluster(server, trials, spread, profile)


# ── Fill ─────────────────────────────────────────────────────────────────────────────────────────


def fill(label: str, text: str, sampler: str, slots: int, trials: int) -> None:
    """How full programs and tasks are; every network takes two milliseconds an epoch."""
    spec = specification(text, trials, f"sampler={sampler}")
    settings = spec.training.settings()
    examples = [TRAINING_EXAMPLES] * settings.replicates

    def seconds_of(segment: Segment) -> float:
        return 0.002 * len(enumerate_networks(segment.trials, settings)) * settings.epochs

    notes, pool = Notes(), UnloadedPool(slots, seconds_of=seconds_of)
    with sqlite_urls() as urls, open_database(next(urls)) as database:
        Bench(database, "", notes).coordinator(spec, pool).run()
    tasks = programs = paying = 0.0
    networks = count = 0
    for wanted, segment in zip(notes.wanted, pool.segments.values(), strict=True):
        members = enumerate_networks(segment.trials, settings)
        networks += len(members)
        tasks += len(members) * min(1.0, len(members) / wanted)
        for program in group_networks(members, examples):
            size = len(program)
            count += 1
            programs += size * min(1.0, size / wanted)
            paying += size * min(1.0, size / min(wanted, target_networks(program[0])))
    print(
        f"{label:12} {sampler:8} {slots:6} {trials:8} {networks / len(pool.segments):9.1f} "
        f"{networks / count:9.1f} {tasks / networks:8.0%} {programs / networks:9.0%} "
        f"{paying / networks:8.0%}",
        flush=True,
    )


def target_networks(network: Network) -> float:
    """Of how many such networks a program is about as fast per network as of more (measured: see
    BENCHMARKS): what a step costs whatever it trains is spread until arithmetic outweighs it."""
    return min(64.0, (256 / width_bucket(max(branch_widths(network.configuration)))) ** 2)


def report_fill(trials: int) -> None:
    """The reference study's space, and one in which every field is a range."""
    print(
        f"{'fill':12} {'sampler':8} {'slots':>6} {'trials':>8} {'networks':>9} {'fused':>9} "
        f"{'tasks':>8} {'of 64':>9} {'that pay':>8}"
    )
    for slots in (2, 16):
        for label, text in (("reference", REFERENCE), ("ranges", RANGES)):
            for sampler in ("tpe", "random"):
                fill(label, text, sampler, slots, trials)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller and less exact")
    parser.add_argument("--only", choices=("end", "cluster", "fill"))
    parser.add_argument("--database", choices=tuple(SERVERS))
    parser.add_argument("--profile", metavar="FILE", help="of one part on one database")
    options = parser.parse_args()
    scale = 5 if options.quick else 1
    databases = [options.database] if options.database else list(SERVERS)
    if options.only in {None, "end"}:
        report_ends(databases, 10_000 // scale, options.profile)
    if options.only in {None, "cluster"}:
        report_cluster(databases[:1], 20_000 // scale, options.profile)
    if options.only in {None, "fill"}:
        report_fill(600 // scale)


if __name__ == "__main__":
    main()
