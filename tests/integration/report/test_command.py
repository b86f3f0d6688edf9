"""The commands `report` and `compare` as a user types them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.integration.report.conftest import GRID, ONE


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


@pytest.mark.parametrize(("document", "claims"), [(GRID, True), (ONE, False)])
def test_a_launch_ends_with_the_verdicts_on_what_the_study_claims(
    study, tmp_path, document, claims
):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(document))
    ran = study("launch", str(path), "--cluster", "serial")
    assert ran.returncode == 0, ran.stderr
    assert ("Claims" in ran.stdout) is claims
    if claims:
        row = next(line for line in ran.stdout.splitlines() if "Deep <sigmoid>" in line)
        assert re.search(r"holds|not decided|does not hold", row)
        assert "test accuracy" in row
        assert "points" in row


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
