"""What is heavy is imported where it is used."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("storage", ("sqlalchemy", "optuna", "pandas", "alembic")),
        ("storage.errors", ("sqlalchemy", "optuna", "pandas", "alembic")),
        ("storage.database.engine", ("optuna", "pandas", "alembic")),
        ("storage.reading.frames", ("optuna", "pandas", "alembic")),
        ("storage.studies.runs", ("optuna", "pandas", "alembic")),
        ("storage.studies.deletion", ("optuna", "pandas", "alembic")),
        ("storage.trials.storage", ("pandas", "alembic", "torch", "ray")),
    ],
)
def test_importing_a_module_leaves_what_it_rarely_needs(module: str, absent: tuple[str, ...]):
    program = f"import sys, {module}; print(*sorted(set({absent!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
