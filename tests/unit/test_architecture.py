"""The architecture holds, and the checker that says so would notice if it did not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("study", "workers", "storage")


def imported_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after the statement."""
    report = f"{statement}; import sys; print(' '.join({{n.split('.')[0] for n in sys.modules}}))"
    ran = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import study",
        "import study; study.StudySpec",
        "import study; study.load_model, study.Model",
        "import study.cli",
        "import storage",
        "import workers.segment, workers.pools.pool, workers.data",
    ],
)
def test_light_imports_load_neither_torch_nor_ray(statement):
    assert not imported_by(statement) & {"torch", "ray", "pandas", "sklearn"}


def test_help_loads_neither_torch_nor_ray():
    statement = (
        "import contextlib, io, sys; sys.argv = ['study', '--help']; import study.cli\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    study.cli.main()\n"
        "print(' '.join({n.split('.')[0] for n in sys.modules}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", statement], capture_output=True, text=True, check=True
    )
    loaded = set(ran.stdout.split())
    assert "typer" in loaded
    assert not loaded & {"torch", "ray", "pandas", "optuna", "sqlalchemy"}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_flow_one_way():
    checked = lint_imports(ROOT)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("file", "planted"),
    [
        ("storage/studies/runs.py", "import ray"),
        ("storage/studies/runs.py", "import torch"),
        ("storage/studies/runs.py", "import workers.segment"),
        ("workers/pools/pool.py", "import study.specification.spec"),
        ("workers/pools/pool.py", "import sqlalchemy"),
        ("workers/training/train.py", "import ray"),
        ("study/launching/launch.py", "import ray"),
        ("study/coordinator/rows.py", "import sqlalchemy"),
        ("study/models/model.py", "import torch"),
        ("study/models/model.py", "import safetensors"),
        ("study/coordinator/rows.py", "import study.launching.outcome"),
        ("workers/networks/shapes.py", "import workers.training.train"),
        ("storage/database/urls.py", "import storage.studies.runs"),
        ("workers/pools/pool.py", "import workers.pools.kinds"),  # a circle
    ],
)
def test_a_planted_import_against_the_flow_is_found(copy, file, planted):
    with (copy / file).open("a") as source:
        source.write(f"\n{planted}\n")
    checked = lint_imports(copy)
    assert checked.returncode == 1, checked.stdout
    assert "BROKEN" in checked.stdout


def test_only_the_three_packages_are_installed():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(project["tool"]["setuptools"]["packages"])
    assert {name.split(".")[0] for name in listed} == set(PACKAGES)
    there = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for package in PACKAGES
        for init in (ROOT / package).rglob("__init__.py")
    }
    assert listed == there
