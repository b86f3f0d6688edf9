"""What the documents name is there."""

import re
from pathlib import Path

import pytest

from study.specification import reference

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "ARCHITECTURE.md",
    "BENCHMARKS.md",
    "README.md",
    "SECURITY.md",
    "docs/containers.md",
    "docs/data.md",
    "docs/lessons.md",
    "docs/networks.md",
    "docs/operating.md",
)
PATH = re.compile(r"(?<![\w./-])(?:study|workers|storage|tests|docs)/[\w./-]*")
MODULE = re.compile(r"python -m ((?:tests|study|workers)\.[\w.]+)")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def named_in(text: str) -> set[str]:
    """The files and folders of the repository that a document names, from its root."""
    modules = {name.replace(".", "/") for name in MODULE.findall(text)}
    return {path.rstrip(".") for path in PATH.findall(text)} | modules


def is_there(path: str) -> bool:
    return (ROOT / path).exists() or (ROOT / f"{path}.py").exists()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_is_there(document):
    folder = (ROOT / document).parent
    text = (ROOT / document).read_text("utf-8")
    links = {str((folder / link).resolve().relative_to(ROOT)) for link in LINK.findall(text)}
    named = named_in(text) | links
    missing = sorted(path for path in named if not is_there(path))
    assert not missing, f"{document} names what is not there: {', '.join(missing)}"


def test_a_file_that_was_moved_is_missed():
    text = "See `study/no/such.py`, and run `python -m tests.benchmarks.nothing`."
    assert named_in(text) == {"study/no/such.py", "tests/benchmarks/nothing"}
    assert not any(is_there(path) for path in named_in(text))


def test_the_map_names_every_room():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    for package in ("study", "workers", "storage"):
        _, _, after = text.partition(f"| floor of `{package}/` |")
        rows = after.split("\n\n")[0].splitlines()
        named = set(
            re.findall(r"`(\w+)`", " ".join(row.split("|")[1] for row in rows if row[:1] == "|"))
        )
        there = {
            entry.stem
            for entry in (ROOT / package).iterdir()
            if (entry.suffix == ".py" or (entry / "__init__.py").is_file())
            and entry.stem != "__init__"
        }
        assert named == there


def test_the_page_on_specifications_is_made_from_the_model():
    written = (ROOT / "docs" / "specification.md").read_text("utf-8")
    assert written == reference.page(), "write it anew: see study/specification/reference.py"
