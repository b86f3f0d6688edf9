"""The command `study` as a user runs it: in a process of its own, in an empty folder."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.forking import Forks

SMALL = """\
name: small
data: {source: wine}
search:
  depth: {low: 1, high: 3}
  width: [8, 16]
  activation: [relu, tanh]
  ensemble_size: {low: 1, high: 2}
  learning_rate: {low: 1e-3, high: 1e-1, log: true}
training: {epochs: 4, replicates: 2}
sampler: random
budget: {trials: 6}
"""


# What a launch may say before it finds that a cluster cannot be used.
NOTES = ("starting Ray", "connecting to Ray")


@dataclass(frozen=True)
class Ran:
    """What a finished command left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class CommandLine:
    """Runs `study` in its folder, with nothing of the tester's environment that it reads."""

    folder: Path
    forks: Forks

    def environment(self, **changes: str) -> dict[str, str]:
        """The tester's, without what the command reads of it."""
        ours = ("STUDY_STORAGE", "STUDY_CLUSTER", "RAY_ADDRESS", "COLUMNS")
        kept = {key: value for key, value in os.environ.items() if key not in ours}
        return {**kept, "PYTHONWARNINGS": "default", **changes}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Run it from its first line of Python on."""
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "study"), *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, timeout: float = 120, **changes: str) -> Ran:
        """Run it to its end, with these changes of its environment; its libraries are loaded."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code = self.forks.run(
                arguments,
                cwd=self.folder,
                env=self.environment(**changes),
                out=out,
                err=err,
                timeout=timeout,
            )
            for file in (out, err):
                file.seek(0)
            return Ran(code, out.read().decode(), err.read().decode())

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Where commands come from; what their libraries warn of is a failure at the end."""
    said = tmp_path_factory.mktemp("forks") / "stderr"
    with said.open("wb") as log:
        made = Forks({**os.environ, "PYTHONWARNINGS": "default"}, log)
    yield made
    made.close()
    assert said.read_text() == ""


@pytest.fixture
def study(tmp_path: Path, forks: Forks) -> CommandLine:
    """The command line, in an empty folder."""
    return CommandLine(tmp_path, forks)


@pytest.fixture
def small(study: CommandLine) -> str:
    """A specification that runs in seconds."""
    return study.write("small.yaml", SMALL)


@pytest.fixture
def refused(study: CommandLine) -> Callable[..., str]:
    """Run a command that must be refused; its one line of complaint."""

    def run(*arguments: str) -> str:
        before = sorted(study.folder.iterdir())
        ran = study.run(*arguments)
        assert ran.code == 2, ran.err
        assert ran.out == ""
        *notes, line = ran.err.strip().splitlines()
        assert line.startswith("study: ")
        assert all(note.startswith(NOTES) for note in notes), ran.err
        assert sorted(study.folder.iterdir()) == before, "something was written"
        return line

    return run
