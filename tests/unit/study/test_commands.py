"""A command is added by one file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from pkgutil import iter_modules

import pytest

from study.cli import app, commands

ROOT = Path(__file__).parents[3]
COMMAND = '''"""A command that the product does not have."""

from typing import Annotated

import typer

from study.cli.application import app


@app.command()
def shout(word: Annotated[str, typer.Argument(metavar="WORD", help="What to shout.")]) -> None:
    """Shout a word."""
    print(word.upper())
'''


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "study", tmp_path / "study", ignore=ignored)
    return tmp_path


def study(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from study.cli import main; main()", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_file_in_the_folder_of_commands_is_a_command(copy):
    before = study(copy, "shout", "hello")
    assert (before.returncode, before.stdout) == (2, "")
    (copy / "study" / "cli" / "commands" / "shouting.py").write_text(COMMAND)
    ran = study(copy, "shout", "hello")
    assert (ran.returncode, ran.stdout) == (0, "HELLO\n"), ran.stderr
    helped = study(copy, "--help")
    assert "Shout a word." in helped.stdout
    assert "Run a study" in helped.stdout


def test_every_file_in_the_folder_of_commands_has_a_command():
    there = {module.name for module in iter_modules(commands.__path__)}
    assert "running" in there
    with_commands = {
        command.callback.__module__.rpartition(".")[2]
        for command in app.registered_commands
        if command.callback is not None
    }
    silent = sorted(there - with_commands)
    assert not silent, f"study/cli/commands: no @app.command() in {', '.join(silent)}"
