"""Specifications by somebody who means harm: one line, exit code 2, and nothing happens."""

import sqlite3
from contextlib import closing

import pytest

HEAD = "name: harmful\ndata: {source: wine}\n"
CALL = "!!python/object/apply:os.system ['touch was-here']"


def laughs() -> str:
    lines = ["a: &a [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    for before, after in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + "search: {width: [" + "8, " * 3_500_000 + "8]}\n", "longer than 256 KiB"),
        (HEAD + "search: " + "[" * 1_000_000 + "]" * 1_000_000, "longer than"),
        ("[" * 200_000, "levels inside each other"),
        (HEAD + laughs(), "more than 20000 values"),
        (HEAD + f"seed: {CALL}\n", "python/object/apply:os.system"),
        (HEAD + "seed: 2024-99-99\n", "seed: found '2024-99-99'"),
        (HEAD + "seed: 0x" + "f" * 4000 + "\n", "seed: found"),
        (HEAD + "1: {2: 3}\n", "1"),
    ],
    ids=["10 MB", "deep", "deep and short", "laughs", "call", "date", "number", "keys"],
)
def test_a_file(study, refused, text, expected):
    study.write("harmful.yaml", text)
    line = refused("launch", "harmful.yaml")
    assert expected in line
    assert len(line) < 500


def test_a_file_that_is_larger_than_any_memory(study, refused):
    with (study.folder / "endless.yaml").open("wb") as file:
        file.truncate(2**40)  # a hole: it takes no room
    assert "longer than 256 KiB" in refused("launch", "endless.yaml")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (f"seed={CALL}", "python/object/apply:os.system"),
        ("seed=" + "[" * 60_000, "levels inside each other"),
        ("seed=&a [*a]", "inside itself"),
        ("." * 60_000 + "=1", "no field lies so deep"),
        ("seed=" + "9" * 5_000, "longer than 4096 characters"),
        ("no-equals-sign" * 5_000, "give field=value"),
    ],
    ids=["call", "deep", "itself", "dots", "number", "no value"],
)
def test_an_override(refused, override, expected):
    line = refused("launch", "digits", "--set", override)
    assert expected in line
    assert len(line) < 500


@pytest.mark.parametrize("document", ["{}", "[1]", '{"objective": 3, "budget": "much"}', '"text"'])
def test_a_document_in_the_database_leaves_other_studies_readable(study, small, document):
    for name in ("harmful", "small"):
        study.run("launch", small, "--detach", "--name", name)
    with closing(sqlite3.connect(study.folder / "study.db")) as database, database:
        change = "UPDATE study_runs SET specification = ? WHERE study = 'harmful'"
        database.execute(change, (document,))
    listed = study.run("list")
    assert listed.code == 0, listed.err
    assert "small" in listed.out
    assert "queued (1 of 2)" in listed.out
    shown = study.run("status", "harmful")
    assert shown.code == 0, shown.err
    assert "study 'harmful': " in shown.out
    for command in (["watch"], ["resume", "--detach"]):
        refused = study.run(*command, "harmful")
        assert refused.code == 2
        assert refused.err.startswith("study: study 'harmful': ")
        assert refused.err.count("\n") == 1
    assert study.run("stop", "harmful").code == 0
