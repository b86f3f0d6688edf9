"""What README shows runs as it stands: its Python, one block after the other, in one folder."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study import export_model, launch
from study.specification.files import read_specification

README = Path(__file__).parents[2] / "README.md"
QUICK = ["training.epochs=1", "training.replicates=2", "confirm=null"]
TRIAL = 17  # that README exports


def blocks(language):
    """The blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in which README's commands were given before, for studies that end in seconds."""
    monkeypatch.chdir(tmp_path)
    launch(read_specification("digits", overrides=[*QUICK, "budget.trials=2"]), cluster="serial")
    rng = np.random.default_rng(0)
    patients = pd.DataFrame({"patient": np.arange(120) // 2, "age": rng.normal(60, 9, 120)})
    patients["outcome"] = np.where(patients["age"] > 60, "ill", "well")
    patients.to_csv("patients.csv", index=False)
    patients.to_csv("new.csv", index=False)
    (specification,) = blocks("yaml")
    Path("mine.yaml").write_text(specification)
    small = [*QUICK, f"budget.trials={TRIAL + 1}", "search.width=16", "search.depth=[1,2]"]
    launch(read_specification("mine.yaml", overrides=small), cluster="serial")
    assert f"study export mine {TRIAL} --output model" in README.read_text()
    export_model("mine", TRIAL, "sqlite:///study.db", "model")
    return tmp_path


def test_the_python_of_the_readme_runs_as_it_is_pasted(folder):
    shown = blocks("python")
    assert len(shown) >= 3
    program = "\n".join(shown) + "\nassert len(outcome.results()) == 20\n"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
