"""How near a study comes to what the machine could do: busy cores, and a bare fused loop.

    python -m tests.benchmarks.limit [--trials 2000] [--sampler tpe] [--ray local]

The reference study (see tests.benchmarks.reference_study), trained by `launch` on all cores. The
busy share is the workers' processor time in training, as the results table has it, divided by time
by the clock × cores, from the first cohort dispatched to five seconds before the end. The bare loop
trains the very same configurations afterwards, in cohorts as large as pays, in as many processes,
with nothing sampled, pruned, shown or written. Both are timed from the first cohort dispatched.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from study.coordinator.cohorts import ReadyTrial, pack
from study.coordinator.rows import configuration_in
from study.launching.launch import launch
from study.launching.plan import make_plan
from study.monitoring import events
from study.monitoring.event import Event
from study.monitoring.progress import NoProgress
from study.specification.files import read_specification
from study.specification.spec import StudySpec
from tests.benchmarks.reference_study import SPEC
from workers.pools.processes import ProcessPool
from workers.pools.worker_processes import usable_cpus
from workers.segment import Segment, TrialWork

LAST_SECONDS = 5.0


@dataclass
class Watch(NoProgress):
    """Notes when cohorts were dispatched and came back."""

    dispatched: list[float] = field(default_factory=list)
    fills: list[float] = field(default_factory=list)
    returned: list[tuple[float, tuple[int, ...]]] = field(default_factory=list)

    def record_event(self, event: Event) -> None:
        now = time.perf_counter()
        if isinstance(event, events.CohortDispatched):
            self.dispatched.append(now)
            self.fills.append(event.networks / event.wanted)
        elif isinstance(event, events.CohortReturned):
            self.returned.append((now, event.trials))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--sampler", default="tpe")
    parser.add_argument("--ray", default=None, help="'local': the study on a Ray cluster")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "reference.yaml")
        path.write_text(SPEC)
        overrides = [f"budget.trials={options.trials}", f"sampler={options.sampler}"]
        spec = read_specification(str(path), overrides=overrides)
        watch, began = Watch(), time.perf_counter()
        outcome = launch(spec, storage=f"sqlite:///{folder}/s.db", ray=options.ray, progress=watch)
        whole = time.perf_counter() - began
        results = outcome.results()
    cores, first, last = usable_cpus(), watch.dispatched[0], watch.returned[-1][0]
    seconds = results.set_index("trial")["seconds"]
    until = last - LAST_SECONDS
    busy = sum(float(seconds[list(trials)].sum()) for at, trials in watch.returned if at <= until)
    study = last - first
    works = [
        TrialWork(int(row["trial"]), configuration_in(row)) for row in results.to_dict("records")
    ]
    bare = bare_seconds(spec, works, cores)
    where = "Ray" if options.ray else "processes"
    print(
        f"{options.trials} trials, {options.sampler}, {cores} cores, {where}: whole {whole:.1f} s"
    )
    print(f"  start-up to the first cohort   {first - began:8.2f} s")
    print(f"  training                       {study:8.2f} s, {options.trials / study:.1f} trials/s")
    print(f"  workers busy in training       {busy / (until - first) / cores:8.3f}")
    print(f"  cohort fill, mean              {sum(watch.fills) / len(watch.fills):8.3f}")
    print(f"  bare fused loop                {bare:8.2f} s = {bare / study:.3f} of the study's")


def bare_seconds(spec: StudySpec, works: list[TrialWork], cores: int) -> float:
    """Seconds to train the works' cohorts in one process a core; warm-up is not counted."""
    settings, replicates = spec.training.settings(), spec.training.replicates
    pool = ProcessPool(make_plan(spec).dataset, slots=cores)

    def segment(trials: tuple[TrialWork, ...]) -> Segment:
        return Segment(trials, settings, spec.seed, 0, settings.epochs)

    def train(segments: list[Segment]) -> None:
        left = {pool.submit(one) for one in segments}
        while left:
            left -= {completion.ticket for completion in pool.collect(1.0)}

    train([segment((works[core],)) for core in range(cores)])
    cohorts = pack([ReadyTrial(work) for work in works], replicates=replicates, slots=cores)
    began = time.perf_counter()
    train([segment(tuple(c.work for c in cohort)) for cohort in cohorts])
    seconds = time.perf_counter() - began
    pool.close()
    return seconds


if __name__ == "__main__":
    main()
