"""Every teaching study, in a small version: it runs, and its claims are about trials it has."""

import runpy
import sys
from pathlib import Path

import pytest

from study import catalog
from study.analysis import load_measurements, verdicts
from study.launching.launch import launch
from study.report.building import build_report
from study.report.markdown import as_markdown
from study.specification.files import read_specification

EXAMPLE = Path(__file__).parents[3] / "docs" / "analysis_example.py"
LESSONS = [name for name in catalog.names() if read_specification(name).claims]


def test_the_lessons_are_in_the_catalog():
    assert set(LESSONS) == {
        "activations",
        "depth-overfitting",
        "dropout",
        "ensemble",
        "initialization",
        "more-data",
        "regularization",
        "topologies",
        "vanishing-gradient",
    }


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_a_design_with_replicates(name):
    spec = read_specification(name)
    assert spec.sampler in ("grid", "qmc")
    assert spec.pruner == "none"
    assert spec.training.replicates >= 10


@pytest.mark.parametrize("name", LESSONS)
def test_a_small_version_of_a_lesson_gives_every_claim_a_verdict(name, sqlite_url):
    small = ["training.epochs=2", "training.replicates=2", "training.evaluations=2"]
    spec = read_specification(name, overrides=small)
    launch(spec, storage=sqlite_url, ray="serial")
    measurements = load_measurements(name, sqlite_url)
    table = verdicts(measurements, spec.claims)
    assert table["difference"].notna().all(), "a claim is about trials that the grid lacks"
    assert set(table["verdict"]) <= {"holds", "does not hold", "not decided"}
    assert "## Claims" in as_markdown(build_report(measurements))


def test_the_example_of_an_analysis_runs_from_results_to_conclusion(
    sqlite_url, capsys, monkeypatch
):
    small = ["training.epochs=2", "training.replicates=2", "training.evaluations=2"]
    launch(read_specification("dropout", overrides=small), storage=sqlite_url, ray="serial")
    monkeypatch.setattr(sys, "argv", ["analysis_example.py", sqlite_url])
    runpy.run_path(str(EXAMPLE))
    written = capsys.readouterr().out
    assert "at width 128, dropout 0.5 − 0.0" in written
    assert "overtuning at the end" in written
