"""No bytes from a user or a database can become code: read from the sources, all of them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from workers.data import DataSource, load_dataset

ROOT = Path(__file__).parents[2]
PACKAGES = ("study", "workers", "storage")
RUN_WHAT_THEY_READ = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "PickleType"}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {"read_pickle", "load_module", "full_load", "unsafe_load", "system"}

# Modules whose connections unpickle what they receive, and who may use what of them: the processes
# of the local pool among each other, through socket pairs that they inherit and that have no name.
TALK_IN_PICKLES = {"multiprocessing", "concurrent.futures", "socketserver", "xmlrpc"}
ALLOWED = {
    "workers/pools/fork_server.py": {
        "multiprocessing.connection.Connection",
        "multiprocessing.reduction.ForkingPickler",
    },
    "workers/pools/processes.py": {"multiprocessing.connection.wait"},
    "workers/pools/worker_processes.py": {"multiprocessing.connection.Connection"},
}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            yield path.relative_to(ROOT).as_posix(), tree


def imported(tree: ast.Module) -> set[str]:
    """Every name that is imported anywhere in a module, with the module that it is of."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module or ''}.{alias.name}" for alias in node.names}
    return names


def talking_in_pickles(tree: ast.Module) -> set[str]:
    return {
        name
        for name in imported(tree)
        if any(f"{name}.".startswith(f"{module}.") for module in TALK_IN_PICKLES)
    }


def harm_in(tree: ast.Module, path: str = "") -> list[str]:
    """What a module imports or calls that would run what it reads, but for the pool's pickles."""
    found = [name for name in imported(tree) if set(name.split(".")) & RUN_WHAT_THEY_READ]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        named = isinstance(node.func, ast.Name) and called in CALLS
        harmful = named or called == "torch.load"
        harmful |= isinstance(node.func, ast.Attribute) and node.func.attr in METHODS
        # With a loader that it checks: see tests/acceptance/test_hostile_specifications.py.
        harmful |= called == "yaml.load" and path != "study/specification/yaml_reader.py"
        for keyword in node.keywords:
            if keyword.arg in {"allow_pickle", "shell"}:
                harmful |= ast.unparse(keyword.value) != "False"
        if harmful:
            found.append(f"line {node.lineno}: {called}")
    return found


def test_every_source_is_read():
    read = [path for path, _ in sources()]
    assert {path.partition("/")[0] for path in read} == set(PACKAGES)
    assert len(read) > 200
    assert set(ALLOWED) <= set(read)


def test_nothing_is_imported_or_called_that_runs_what_it_reads():
    found = {path: harm for path, tree in sources() if (harm := harm_in(tree, path))}
    assert not found


def test_only_the_processes_of_the_local_pool_talk_to_each_other_in_pickles():
    found = {path: names for path, tree in sources() if (names := talking_in_pickles(tree))}
    assert found == ALLOWED


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "import cloudpickle as harmless",
        "from pickle import loads",
        "from sqlalchemy import PickleType",
        "def f():\n    import joblib",
        "eval(text)",
        "exec(text)",
        "pandas.read_pickle(path)",
        "torch.load(path)",
        "yaml.load(text)",
        "numpy.load(path, allow_pickle=True)",
        "numpy.load(path, allow_pickle=wanted)",
        "subprocess.run(line, shell=True)",
        "os.system(line)",
    ],
)
def test_a_planted_line_is_found(line):
    assert harm_in(ast.parse(line))


@pytest.mark.parametrize(
    "line",
    [
        "import multiprocessing",
        "import multiprocessing.connection as harmless",
        "from multiprocessing import reduction",
        "from multiprocessing.reduction import ForkingPickler",
        "from multiprocessing.connection import Client",
        "from concurrent.futures import ProcessPoolExecutor",
    ],
)
def test_a_planted_connection_that_unpickles_is_found(line):
    assert talking_in_pickles(ast.parse(line))


def test_what_is_harmless_is_not_found():
    harmless = "import json\nnumpy.load(path, allow_pickle=False)\nre.compile(text)\n"
    assert not harm_in(ast.parse(harmless))
    assert not talking_in_pickles(ast.parse("import multiprocessors, socket"))


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
