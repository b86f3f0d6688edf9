"""A command is added by one file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from pkgutil import iter_modules

import pandas as pd
import pytest

from study.cli import app, commands
from study.cli.application import readable
from study.cli.tables import Format, write_results
from study.errors import InvalidInput

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "extending.md"


def example() -> str:
    """The command that the page on extending adds."""
    _, _, section = PAGE.read_text("utf-8").partition("\n## A command\n")
    return section.partition("```python\n")[2].partition("```")[0]


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


def test_the_file_that_the_page_on_extending_adds_is_a_command(copy):
    before = study(copy, "sources")
    assert (before.returncode, before.stdout) == (2, "")
    (copy / "study" / "cli" / "commands" / "sources.py").write_text(example(), "utf-8")
    ran = study(copy, "sources")
    assert ran.returncode == 0, ran.stderr
    assert "digits" in ran.stdout.splitlines()
    helped = study(copy, "--help")
    assert "List the built-in data sets." in helped.stdout
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


@pytest.mark.parametrize("arguments", [["--version"], ["-h"], ["schema"], ["catalog"]])
def test_a_stdout_that_takes_nothing_is_one_line(arguments):
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-c", "from study.cli import main; main()", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == 1
    assert ran.stderr == "study: the output cannot be written: No space left on device\n"


def test_a_name_in_utf_8_is_a_name_in_every_locale():
    in_ascii = "와인".encode().decode("ascii", "surrogateescape")
    assert (readable(in_ascii), readable("와인"), readable(None)) == ("와인", "와인", None)
    with pytest.raises(InvalidInput, match="is no text in UTF-8"):
        readable("caf\udce9")


@pytest.mark.parametrize("style", [Format.CSV, Format.JSON, Format.PARQUET])
def test_results_that_cannot_be_written_say_why(tmp_path, style):
    output = tmp_path / "absent" / "results"
    with pytest.raises(InvalidInput, match=r"absent/results: cannot be written: .*directory"):
        write_results(pd.DataFrame({"trial": [0]}), style, output)
