"""How much faster a cohort trains than its networks one after the other, on one thread.

    python -m tests.benchmarks.training

Both sides train the same configurations on the same examples, in turn, so that whatever else the
machine does falls on both. Times are of the processor (one thread); the figure is the median ratio
over the rounds.
"""

import itertools
import platform
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from tests.benchmarks.plain_training import PlainTraining
from workers.configuration import Activation, Configuration, Topology, TrainingSettings
from workers.data import DataSource, load_dataset
from workers.networks.arithmetic import independent_arithmetic
from workers.networks.network import Network, group_networks
from workers.segment import Segment, TrialWork
from workers.training.cohort import Cohort
from workers.training.examples import Examples, prepare_examples
from workers.training.program import Program
from workers.training.train import train_segment

ROUNDS = 5
MIXED = (
    Activation.RELU,
    Activation.TANH,
    Activation.ELU,
    Activation.SIGMOID,
    Activation.LEAKY_RELU,
)
RECURRENT = (Activation.TANH, Activation.RELU)
DROPOUTS = (0.0, 0.1, 0.2, 0.3, 0.5)
RATES = (3e-4, 1e-3, 3e-3)


def mixed_configurations(
    count: int, width: int, topology: Topology = Topology.FEEDFORWARD
) -> list[Configuration]:
    """Depths 1 to 8, five activations, five rates of dropout, three learning rates, mixed."""
    activations = RECURRENT if topology is Topology.RECURRENT else MIXED
    wheels = zip(
        itertools.cycle(activations),
        itertools.cycle(DROPOUTS),
        itertools.cycle(RATES),
        range(count),
        strict=False,
    )
    return [
        Configuration(
            topology=topology,
            depth=1 + (3 * i + i // 8) % 8,
            width=width,
            activation=activation,
            dropout=DROPOUTS[(i + i // 5) % 5] if dropout is not None else 0.0,
            learning_rate=rate,
            weight_decay=1e-4,
        )
        for activation, dropout, rate, i in wheels
    ]


@contextmanager
def plain_arithmetic() -> Iterator[None]:
    """The peer has all of torch but more threads."""
    torch.backends.mkldnn.enabled = True
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = False


class Comparison:
    """A cohort and the same networks as plain loops."""

    def __init__(self, configurations: list[Configuration], examples: Examples) -> None:
        networks = [Network(i, c, i % 3, i // 3 % 3) for i, c in enumerate(configurations)]
        train = examples.splits[0].train
        settings = TrainingSettings(replicates=1)
        self.programs = [
            Program(group, examples, settings, 0)
            for group in group_networks(networks, [len(train)] * 3)
        ]
        for program in self.programs:
            for k in range(len(program.networks)):
                program.initialize(k)
        x = examples.features[torch.from_numpy(train), : examples.inputs].contiguous()
        y = torch.from_numpy(examples.labels[0][train])
        self.plain = [PlainTraining(c, x, y, examples.task.predicted) for c in configurations]
        self.steps = -(-len(train) // configurations[0].batch_size)
        self.epoch = 0

    def cohort_seconds(self, epochs: int) -> float:
        start = time.process_time()
        for _ in range(epochs):
            self.epoch += 1
            for program in self.programs:
                program.train_epoch(self.epoch)
        return time.process_time() - start

    def plain_seconds(self) -> float:
        with torch.enable_grad(), plain_arithmetic():
            start = time.process_time()
            for training in self.plain:
                training.train_epoch()
            return time.process_time() - start

    def bytes_per_network(self) -> float:
        seen = {}
        for program in self.programs:
            for tensor in _tensors(program):
                storage = tensor.untyped_storage()
                seen[storage.data_ptr()] = storage.nbytes()
            seen.pop(program.examples.features.untyped_storage().data_ptr(), None)
            seen.pop(program.examples.targets.untyped_storage().data_ptr(), None)
        return sum(seen.values()) / len(self.plain)


def _tensors(thing, depth=0):
    """Every tensor that a program holds on to."""
    if isinstance(thing, torch.Tensor):
        yield thing
    elif depth < 6:
        children = getattr(thing, "__dict__", None)
        values = thing if isinstance(thing, list | tuple) else (children or {}).values()
        for value in values:
            if not isinstance(value, Examples):
                yield from _tensors(value, depth + 1)


def compare(name: str, configurations: list[Configuration], examples: Examples) -> float:
    comparison = Comparison(configurations, examples)
    comparison.cohort_seconds(1)
    comparison.plain_seconds()
    epochs = 2 if len(configurations) > 4 else 20
    ratios, cohorts, plains = [], [], []
    for _ in range(ROUNDS):
        cohort = comparison.cohort_seconds(epochs) / epochs
        plain = comparison.plain_seconds()
        ratios.append(plain / cohort)
        cohorts.append(cohort)
        plains.append(plain)
    each = 1e6 / (comparison.steps * len(configurations))
    print(
        f"| {name} | {len(configurations)} | {statistics.median(plains) * each:.0f} "
        f"| {statistics.median(cohorts) * each:.0f} | **{statistics.median(ratios):.1f}×** "
        f"| {min(ratios):.1f}–{max(ratios):.1f} | {comparison.bytes_per_network() / 1e6:.2f} |",
        flush=True,
    )
    return statistics.median(ratios)


def evaluation_share() -> None:
    """What measuring costs on the reference workload: 10 epochs on digits, ensembles of 1 to 4."""
    dataset = load_dataset(DataSource("digits"))
    trials = tuple(
        TrialWork(
            i,
            Configuration(
                depth=1 + i % 5,
                width=32,
                activation=(Activation.RELU, Activation.TANH, Activation.ELU)[i % 3],
                dropout=(0.0, 0.2, 0.4)[i % 3],
                ensemble_size=1 + i % 4,
            ),
        )
        for i in range(12)
    )
    settings = TrainingSettings(epochs=10, replicates=2)
    segment = Segment(trials, settings, 0, 0, 10)
    spent = dict.fromkeys(("_extend_curves", "_probe", "measure"), 0.0)

    def timed(name, function):
        def call(*arguments):
            start = time.process_time()
            result = function(*arguments)
            spent[name] += time.process_time() - start
            return result

        return call

    originals = {name: getattr(Cohort, name) for name in spent}
    shares, parts = [], []
    for name, function in originals.items():
        setattr(Cohort, name, timed(name, function))
    try:
        for _ in range(1 + ROUNDS):
            spent.update(dict.fromkeys(spent, 0.0))
            start = time.process_time()
            train_segment(segment, dataset)
            total = time.process_time() - start
            shares.append(sum(spent.values()) / total)
            parts.append({name: seconds / total for name, seconds in spent.items()})
    finally:
        for name, function in originals.items():
            setattr(Cohort, name, function)
    networks = sum(2 * work.configuration.ensemble_size for work in trials)
    curves, layers, final = (
        100 * statistics.median(part[name] for part in parts) for name in spent
    )
    print(
        f"\nMeasuring takes {100 * statistics.median(shares):.0f} % of the reference workload "
        f"({networks} networks of 12 trials, 10 epochs, {total:.2f} s): curves {curves:.0f} %, "
        f"layer statistics {layers:.0f} %, final measurements {final:.0f} %"
    )


def main() -> None:
    print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, one thread, "
          f"{platform.processor() or platform.machine()}, digits, batches of 64\n")  # fmt: skip
    print(
        "| Networks | K | plain, µs per step | cohort, µs per network and step | ratio | rounds "
        "| MB per network |\n|---|---|---|---|---|---|---|"
    )
    with independent_arithmetic():
        cpu = torch.device("cpu")
        digits = load_dataset(DataSource("digits"))
        examples = prepare_examples(digits, 0, 3, 0.0, torch.float32, cpu)
        single = Configuration(depth=3, dropout=0.2, weight_decay=1e-4)
        compare("one, depth 3, width 32", [single], examples)
        compare("one, depth 3, width 128", [replace(single, width=128)], examples)
        for count in (16, 32, 64):
            compare("mixed, width 32", mixed_configurations(count, 32), examples)
        compare("equal, depth 3, width 32", [single] * 64, examples)
        compare("mixed, width 128", mixed_configurations(32, 128), examples)
        for topology in (Topology.RESIDUAL, Topology.SPLIT_MERGE, Topology.RECURRENT):
            name = f"mixed {topology.value}, width 32"
            compare(f"one {topology.value}, width 32", [replace(single, topology=topology)],
                    examples)  # fmt: skip
            for count in (32, 64):
                compare(name, mixed_configurations(count, 32, topology), examples)
    evaluation_share()


if __name__ == "__main__":
    main()
