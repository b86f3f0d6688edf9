"""One study, launched as a user launches it, again and again; and what it must come to."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from storage.reading.frames import (
    load_layer_statistics,
    load_learning_curves,
    load_members,
    load_replicates,
    load_results,
)

SPEC = """\
name: chaos
data: {source: wine}
search:
  depth: {low: 1, high: 4}
  width: [8, 16]
  activation: [relu, tanh, maxout]
  dropout: {low: 0.0, high: 0.5}
  ensemble_size: {low: 1, high: 3}
  learning_rate: {low: 1e-3, high: 1e-1, log: true}
training: {epochs: 60, replicates: 3}
sampler: random
"""
# Where and when a trial ran, which is not its result.
CIRCUMSTANCES = ["seconds", "worker", "cohort", "started_at", "finished_at"]
Tables = dict[str, pd.DataFrame]


class Study:
    """A study in a folder of its own; options are those of its launches."""

    def __init__(
        self, folder: Path, url: str, *options: str, spec: str = SPEC, **environment: str
    ) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "chaos.yaml").write_text(spec)
        self.folder = folder
        self.url = url
        self.options = options
        self.environment: Mapping[str, str] = environment or os.environ

    def start(self, *options: str) -> "subprocess.Popen[str]":
        """Launch it; what it says is in the file `said`."""
        with (self.folder / "said").open("a") as said:
            return subprocess.Popen(
                [
                    *(str(Path(sys.executable).parent / "study"), "launch", "chaos.yaml"),
                    *("--storage", self.url, "--log-format", "json", "--log-level", "debug"),
                    *(*self.options, *options),
                ],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                text=True,
            )

    def finish(self, seconds: float = 120.0) -> None:
        """Launch it, and wait until its budget is reached."""
        process = self.start()
        try:
            assert process.wait(seconds) == 0, self.said()
        finally:
            process.kill()
            process.wait()

    def said(self) -> str:
        """What all of its launches have said."""
        return (self.folder / "said").read_text() if (self.folder / "said").exists() else ""

    def events(self, name: str) -> list[dict[str, Any]]:
        """What all of its launches have told of one kind of event."""
        # A line that is just being written is not told yet.
        lines = [line for line in self.said().split("\n")[:-1] if line.startswith("{")]
        return [event for event in map(json.loads, lines) if event["event"].startswith(name)]

    def tables(self) -> Tables:
        """Everything that was measured, in the order of trials."""
        return {
            load.__name__: load("chaos", self.url).drop(columns=CIRCUMSTANCES, errors="ignore")
            for load in (
                *(load_results, load_replicates, load_members),
                *(load_learning_curves, load_layer_statistics),
            )
        }


def assert_bitwise_equal(found: Tables, expected: Tables) -> None:
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table, check_exact=True, obj=name)


def of_complete_trials(tables: Tables, trials: list[int]) -> Tables:
    """The rows of those trials; without the column of states, whose type says which there were."""
    return {
        name: table[table["trial"].isin(trials)]
        .reset_index(drop=True)
        .drop(columns="state", errors="ignore")
        for name, table in tables.items()
    }


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """What the condition gives as soon as that is something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)
    return found


def training_workers(root: psutil.Process) -> list[psutil.Process]:
    """The processes below root that train a cohort just now, if they are Ray's, which says so in
    their titles; of our own all."""
    return [child for child in root.children(recursive=True) if _trains(child)]


def _trains(process: psutil.Process) -> bool:
    try:
        ours = process.name() == "study-worker"
        return ours or bool(re.match(r"ray::_train", " ".join(process.cmdline())))
    except psutil.Error:
        return False
