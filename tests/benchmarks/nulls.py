"""How often a cause is named where nothing matters, and where something does.

Every study is launched and trained like any other, on data of its own. In a null study what is
searched does nothing to a network, except that it may change the shape or the order of what is
drawn: all differences are luck. In a planted study one hyperparameter moves the gap by about four
points, the others do nothing.

Run: python -m tests.benchmarks.nulls [--studies 100]
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from study.analysis import load_measurements
from study.analysis.effects.causes import Answer, Causes, causes_of
from study.launching.launch import launch
from study.report.trials import varying
from study.specification.spec import StudySpec

FEATURES, TEACHER = 16, 77

NOTHING: dict[str, Any] = {
    "width": [32, 33, 34, 35, 36],
    "batch_size": {"low": 60, "high": 66},
    "weight_decay": {"low": 1e-10, "high": 1e-8, "log": True},
    "learning_rate": {"low": 3e-3, "high": 3.03e-3},
    "initialization": ["xavier_normal", "xavier_uniform"],
    "dropout": {"low": 0.0, "high": 1e-3},
}


@dataclass(frozen=True)
class Family:
    """Studies that are alike but for their data and seeds.

    moved is the hyperparameter that moves the gap, and by which sign from its lowest level to its
    highest; None where none does. memorized: the labels are noise, which the networks learn by
    heart.
    """

    name: str
    search: dict[str, Any]
    training: dict[str, Any]
    trials: int = 30
    examples: int = 500
    memorized: bool = False
    moved: tuple[str, int] | None = None


NULLS = (
    Family(
        "widths",
        {"depth": 2, "learning_rate": 3e-3, **{n: NOTHING[n] for n in ("width", "weight_decay")}},
        {"epochs": 10, "replicates": 3},
    ),
    Family(
        "batch sizes",
        {"depth": 1, "width": 32, "learning_rate": 3e-3, "batch_size": [60, 62, 64, 66],
         "weight_decay": NOTHING["weight_decay"]},
        {"epochs": 10, "replicates": 5},
    ),
    Family(
        "depths",
        {"depth": [2, 3, 4], "width": 128, "learning_rate": 3e-3, "batch_size": 16,
         "weight_decay": NOTHING["weight_decay"]},
        {"epochs": 60, "replicates": 3},
        examples=200,  # so few that networks learn any labels by heart
        memorized=True,
    ),
    Family("six at random", {"depth": 2, **NOTHING}, {"epochs": 10, "replicates": 3}),
)  # fmt: skip

PLANTED = Family(
    "dropout of 0.2 against 0",
    {"depth": 2, **{name: NOTHING[name] for name in ("width", "batch_size", "weight_decay")},
     "learning_rate": 3e-3, "dropout": [0.0, 0.2]},
    {"epochs": 15, "replicates": 5},
    examples=1000,
    moved=("dropout", -1),
)  # fmt: skip


def causes_of_study(family: Family, seed: int) -> Causes:
    """Launch a study of this family and read what it says of the gap."""
    generator = np.random.default_rng(seed)
    examples = family.examples
    features = generator.normal(size=(examples, FEATURES))
    if family.memorized:
        labels = generator.random(examples) < 0.5
    else:
        # One and the same truth for all, so that an effect has one size.
        teacher = np.random.default_rng(TEACHER)
        hidden = np.tanh(features @ teacher.normal(size=(FEATURES, 8)) / 2.0)
        score = hidden @ teacher.normal(size=8)
        labels = score + 0.6 * generator.normal(size=examples) > np.median(score)
    spec = StudySpec.model_validate(
        {
            "name": "null",
            "seed": seed,
            "data": {"source": "arrays"},
            "search": family.search,
            "training": family.training,
            "sampler": "random",
            "budget": {"trials": family.trials},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{Path(folder) / 'null.db'}"
        launch(spec, data=(features, labels), storage=storage, cluster="serial")
        m = load_measurements("null", storage)
    frames = (m.results, m.replicates, m.splits)
    return causes_of(*frames, varying(m), complete=m.complete)


def right(causes: Causes, family: Family) -> bool:
    """Whether the planted hyperparameter, in its direction, is named first."""
    if family.moved is None or causes.answer is not Answer.CAUSES:
        return False
    first = causes.named.iloc[0]
    name, sign = family.moved
    return bool(first["hyperparameter"] == name and np.sign(first["difference"]) == sign)


def nulls(studies: int) -> Iterator[tuple[str, Causes]]:
    """That many null studies, of all families in turn."""
    for seed in range(studies):
        family = NULLS[seed % len(NULLS)]
        yield family.name, causes_of_study(family, seed)


def main() -> None:
    """Print both figures of BENCHMARKS.md, and the size of the planted effect."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100)
    studies = parser.parse_args().studies
    named: dict[str, list[bool]] = {family.name: [] for family in NULLS}
    for name, causes in nulls(studies):
        named[name].append(causes.answer is Answer.CAUSES)
        if named[name][-1]:
            print(f"{name}: named {', '.join(causes.named['hyperparameter'])}", flush=True)
    for name, found in named.items():
        print(f"nothing matters, {name:<16} {sum(found):3} of {len(found)} name a cause")
    print(f"nothing matters, in all{'':<11}{sum(map(sum, named.values())):3} of {studies}")
    found, effects = [], []
    for seed in range(studies):
        causes = causes_of_study(PLANTED, 10_000 + seed)
        found.append(right(causes, PLANTED))
        effects.append(_between_ends(causes))
    print(f"{PLANTED.name}: {sum(found)} of {studies} name it first, in the right direction")
    print(f"mean difference of the gap between the levels named: {100 * np.nanmean(effects):.1f}")


def _between_ends(causes: Causes) -> float:
    """The difference between the levels of dropout that differ most."""
    row = causes.table[causes.table["hyperparameter"] == "dropout"]
    return float(row["difference"].iloc[0]) if len(row) else float("nan")


if __name__ == "__main__":
    main()
