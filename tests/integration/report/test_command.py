"""The commands `report` and `compare` as a user types them."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def study(storage, tmp_path):
    """Runs the command `study` on the database of small studies, in an empty folder."""

    def run(*arguments):
        command = [str(Path(sys.executable).parent / "study"), *arguments, "--storage", storage]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path
        )

    return run


def test_a_report_is_written_beside_the_user_and_named(study, tmp_path):
    ran = study("report", "one")
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "report of 'one': one-report.html" in ran.stderr
    assert (tmp_path / "one-report.html").read_text().startswith("<!doctype html>")


def test_markdown_is_data_and_goes_to_stdout(study):
    ran = study("report", "one", "--format", "md")
    assert ran.returncode == 0
    assert ran.stdout.startswith("# one")
    assert ran.stderr == ""


def test_a_comparison_goes_to_stdout(study):
    ran = study("compare", "grid", "0", "1")
    assert ran.returncode == 0
    assert "generalization gap" in ran.stdout


@pytest.mark.parametrize(
    "arguments",
    [("report", "missing"), ("report", "one", "--format", "png"), ("compare", "one", "0")],
)
def test_a_mistake_is_one_line_and_code_2(study, arguments):
    ran = study(*arguments)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.startswith("study: ")
    assert ran.stderr.count("\n") == 1
