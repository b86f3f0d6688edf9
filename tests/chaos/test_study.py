"""A study while its processes are killed: at the end it stands as if nothing had happened."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from study import load_replicates, load_results

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
budget: {trials: 60}
"""
# Where and when a trial ran, which is not its result.
CIRCUMSTANCES = ["seconds", "worker", "cohort", "started_at", "finished_at"]


class Study:
    """A study that is launched again whenever it was killed."""

    def __init__(self, folder: Path, url: str, *options: str) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "chaos.yaml").write_text(SPEC)
        self.folder = folder
        self.url = url
        self.options = options

    def start(self) -> "subprocess.Popen[str]":
        command = [str(Path(sys.executable).parent / "study"), "launch", "chaos.yaml"]
        return subprocess.Popen(
            [*command, "--storage", self.url, *self.options],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self) -> None:
        process = self.start()
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err

    def results(self) -> pd.DataFrame:
        table = load_results("chaos", self.url).drop(columns=CIRCUMSTANCES)
        bits = load_replicates("chaos", self.url)
        return table.assign(bits=[b"".join(g["test_correct"]) for _, g in bits.groupby("trial")])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("undisturbed")
    study = Study(folder, f"sqlite:///{folder / 'study.db'}", "--ray", "serial")
    study.finish()
    return study.results()


def test_a_coordinator_killed_again_and_again_changes_no_number(tmp_path, undisturbed):
    study = Study(tmp_path, f"sqlite:///{tmp_path / 'study.db'}", "--ray", "serial")
    rng = random.Random(0)
    for _ in range(5):
        process = study.start()
        time.sleep(rng.uniform(3.0, 8.0))
        process.kill()
        process.communicate()
    study.finish()
    results = study.results()
    assert list(results["trial"]) == list(range(60))
    pd.testing.assert_frame_equal(results, undisturbed, check_exact=True)


def test_killed_workers_change_no_number_and_are_blamed_on_nobody(tmp_path, undisturbed):
    study = Study(tmp_path, f"sqlite:///{tmp_path / 'study.db'}")
    process = study.start()
    rng = random.Random(1)
    killed = 0
    try:
        while process.poll() is None and killed < 6:
            time.sleep(1.0)
            workers = training_workers(process.pid)
            if workers:
                os.kill(rng.choice(workers), signal.SIGKILL)
                killed += 1
                time.sleep(rng.uniform(0.5, 1.5))
        _, err = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert killed > 0
    pd.testing.assert_frame_equal(study.results(), undisturbed, check_exact=True)


def test_postgresql_with_two_kills_gives_the_same_table(tmp_path, postgres_url, undisturbed):
    study = Study(tmp_path, postgres_url, "--ray", "serial")
    for seconds in (4.0, 6.0):
        process = study.start()
        time.sleep(seconds)
        process.kill()
        process.communicate()
    study.finish()
    pd.testing.assert_frame_equal(study.results(), undisturbed, check_exact=True)


def test_a_second_coordinator_is_refused_while_the_first_lives(tmp_path):
    study = Study(
        tmp_path, f"sqlite:///{tmp_path / 'study.db'}", "--ray", "serial",
        "--set", "training.epochs=20000",
    )  # fmt: skip
    first = study.start()
    try:
        _wait_for_running_trials(tmp_path / "study.db")
        second = study.start()
        _, err = second.communicate(timeout=60)
        assert second.returncode == 3
        assert f"process {first.pid}" in err
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=15)
        assert first.returncode == 130
    finally:
        first.kill()


def training_workers(pid: int) -> list[int]:
    """The Ray worker processes below pid that run a task of ours just now."""
    children: dict[int, list[int]] = {}
    titles: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
            titles[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        parent = int(stat.rsplit(")", 1)[1].split()[1])
        children.setdefault(parent, []).append(int(folder.name))
    below, front = [], [pid]
    while front:
        front = [child for parent in front for child in children.get(parent, [])]
        below += front
    return [child for child in below if titles.get(child, "").startswith("ray::_train")]


def _wait_for_running_trials(file: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.3)
        if file.exists():
            with sqlite3.connect(file) as database:
                tables = database.execute("select name from sqlite_master").fetchall()
                if ("trials",) in tables and database.execute(
                    "select 1 from trials where state='RUNNING'"
                ).fetchone():
                    return
    pytest.fail("no trial was running after a minute")
