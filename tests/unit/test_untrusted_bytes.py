"""No bytes from a user or a database can become code: read from the sources, all of them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from workers.data import DataSource, load_dataset

ROOT = Path(__file__).parents[2]
RUN_WHAT_THEY_READ = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {"read_pickle", "load_module", "full_load", "unsafe_load", "system"}


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for package in ("study", "workers", "storage"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").partition(".")[0]} | {alias.name for alias in node.names}
    return set()


def test_nothing_is_imported_that_runs_what_it_reads():
    for path, tree in sources():
        for node in ast.walk(tree):
            harmful = imported(node) & (RUN_WHAT_THEY_READ | {"PickleType"})
            assert not harmful, f"{path}:{node.lineno}: {harmful}"


def test_nothing_is_called_that_runs_what_it_reads():
    for path, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            where = f"{path}:{node.lineno}"
            if isinstance(node.func, ast.Name):
                assert node.func.id not in CALLS, where
            if isinstance(node.func, ast.Attribute):
                assert node.func.attr not in METHODS, where
                assert ast.unparse(node.func) != "torch.load", where
                if ast.unparse(node.func) == "yaml.load":
                    assert path.name == "yaml_reader.py", where
            for keyword in node.keywords:
                if keyword.arg in {"allow_pickle", "shell"}:
                    assert ast.unparse(keyword.value) == "False", where


class Harm:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.trace,)


def test_a_data_file_with_an_object_inside_is_refused_unread(tmp_path: Path):
    trace = tmp_path / "was-here"
    objects = np.array([[Harm(trace)]] * 30, dtype=object)
    np.savez(tmp_path / "harmful.npz", X=objects, y=np.arange(30) % 2)
    with pytest.raises(Exception, match=r"(?i)object"):
        load_dataset(DataSource(str(tmp_path / "harmful.npz")))
    assert not trace.exists()
