"""What comes from outside is shown as it is, and what is suggested can be pasted."""

import io
import shlex
import subprocess
import sys

import pytest
from rich.table import Table

from study.monitoring.suggestion import command
from study.monitoring.terminal import print_table, write_every_character

NAMES = ["[on hold] wine", "sweep [/lr]", "lr:100:x", "와" * 200, "..", "-x", "it's; $HOME `id`"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_whole_in_a_table_and_its_title(name, capsys):
    table = Table("name", title=name, caption=name)
    table.add_row(name)
    print_table(table)
    assert capsys.readouterr().out.count(name) == 3


def test_what_would_steer_the_terminal_is_seen(capsys):
    table = Table("name")
    table.add_row("red\x1b[31m \u202eback")
    print_table(table)
    assert r"red\x1b[31m \u202eback" in capsys.readouterr().out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp949"])
def test_what_an_encoding_lacks_is_replaced(encoding, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    monkeypatch.setattr(sys, "stderr", None)
    write_every_character()
    sys.stdout.write("best – 와 é \udce9")
    sys.stdout.flush()
    sys.stderr.write("nobody reads it")
    sys.stderr.close()
    assert written.getvalue().decode(encoding).startswith("best ")
    assert b"\\udce9" in written.getvalue()


@pytest.mark.parametrize("name", [*NAMES, "red\x1b \u202e\\'"])
def test_a_suggested_command_is_read_by_a_shell_as_it_was_meant(name):
    suggested = command("report", name, storage=f"sqlite:///{name}.db")
    script = f"study() {{ printf '%s\\n' \"$@\"; }}; {suggested}"
    said = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    words = said.stdout.decode().split("\n")
    assert words[0] == "report"
    assert {name, f"sqlite:///{name}.db"} <= set(words)
    assert suggested.isprintable()


def test_options_go_before_a_name_that_looks_like_one():
    assert command("resume", "-x", options=["--detach"]) == "study resume --detach -- -x"
    assert shlex.split(command("predict", "my model", "DATA.csv"))[2] == "my model"
