"""What docs/extending.md says can be done: its patches are applied to a copy and run."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text("utf-8")
COPIED = ("study", "workers", "storage", "tests")


# One interpreter for all commands of an example: torch and Optuna are imported once.
RUN_ALL = """
import shlex, sys
from study.cli import main
for command in sys.argv[1:]:
    sys.argv = shlex.split(command)
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


@dataclass(frozen=True)
class Example:
    """A section's patch, the test that is to name a forgotten file, and what to run after it."""

    patch: str
    guard: str
    commands: tuple[str, ...]

    @property
    def files(self) -> list[str]:
        """The files that it changes or adds, in its order."""
        return re.findall(r"^\+\+\+ b/(\S+)$", self.patch, re.MULTILINE)


def example(title: str) -> Example:
    """The example under the heading; its guard stands in the row of the table that links to it."""
    _, _, after = PAGE.partition(f"\n#### {title}\n")
    section = after.split("\n## ")[0].split("\n#### ")[0]
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    (patch,) = [text for language, text in blocks if language == "diff"]
    (shell,) = [text for language, text in blocks if not language]
    (guard,) = re.findall(r"Guard: `([^`]+)`", section)
    return Example(patch, guard, tuple(shell.replace("\\\n", " ").strip().splitlines()))


def apply(patch: str, folder: Path, *, but: str | None = None) -> None:
    """Replace each hunk's old lines, which must stand in their file once, by its new ones."""
    for part in re.split(r"^--- ", patch, flags=re.MULTILINE)[1:]:
        heading, _, hunks = part.partition("\n+++ b/")
        name, _, hunks = hunks.partition("\n")
        if name == but:
            continue
        file = folder / name
        if heading == "/dev/null":
            assert not file.exists(), f"{name} is there already"
            added = hunks.partition("\n")[2]
            file.write_text(re.sub(r"^\+", "", added, flags=re.MULTILINE), "utf-8")
            continue
        text = file.read_text("utf-8")
        for hunk in re.split(r"^@@.*\n", hunks, flags=re.MULTILINE)[1:]:
            lines = [line or " " for line in hunk.rstrip("\n").split("\n")]
            old = "\n".join(line[1:] for line in lines if line[0] in " -")
            new = "\n".join(line[1:] for line in lines if line[0] in " +")
            assert text.count(old) == 1, f"{name} has these lines {text.count(old)} times:\n{old}"
            text = text.replace(old, new)
        file.write_text(text, "utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    # What is compiled is copied along: it is used where its source is unchanged, to the second.
    ignored = shutil.ignore_patterns("data", "chaos", "acceptance", "benchmarks")
    for name in COPIED:
        skipped = ignored if name == "tests" else None
        shutil.copytree(ROOT / name, tmp_path / name, ignore=skipped)
    for name in ("pyproject.toml", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def guarded(folder: Path, guard: str) -> subprocess.CompletedProcess[str]:
    return run(folder, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", guard)


@pytest.mark.parametrize(
    ("title", "production_files"),
    [
        ("Example: an activation", 2),
        ("Example: a sampler", 2),
        ("Example: a design", 2),
        ("Example: a metric", 4),
        ("Example: a hyperparameter", 4),
    ],
)
def test_a_patch_of_the_page_is_all_that_it_takes(copy, title, production_files):
    added = example(title)
    assert len(added.files) == production_files
    assert added.commands
    apply(added.patch, copy)
    passed = guarded(copy, added.guard)
    assert passed.returncode == 0, passed.stdout
    assert all(command.startswith("study ") for command in added.commands)
    ran = run(copy, sys.executable, "-c", RUN_ALL, *added.commands)
    assert ran.returncode == 0, ran.stderr


FORGOTTEN = {
    "Example: an activation": "workers/networks/activations.py",
    "Example: a sampler": "study/sampling/proposers.py",
    "Example: a design": "study/sampling/designs.py",
    "Example: a metric": "storage/tables/schema.py",
    "Example: a hyperparameter": "study/specification/spec.py",
}


@pytest.mark.parametrize(("title", "file"), FORGOTTEN.items())
def test_the_guard_names_a_file_that_was_forgotten(copy, title, file):
    added = example(title)
    apply(added.patch, copy, but=file)
    failed = guarded(copy, added.guard)
    assert failed.returncode != 0
    assert file in failed.stdout
