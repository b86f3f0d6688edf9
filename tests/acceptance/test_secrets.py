"""A database's password is told to the database alone: no output, no list of processes has it."""

import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import psycopg
import pytest
import typer.main
from sqlalchemy import make_url

from study.cli import app
from tests.acceptance.conftest import CommandLine

PASSWORD = "hunter2%2Fzebra"
TRACES = ("hunter2", "zebra")
UNREACHABLE = f"postgresql://me:{PASSWORD}@127.0.0.1:1/studies"

COMMANDS = {
    name: command
    for name, command in typer.main.get_command(app).commands.items()
    if any(parameter.name == "storage" for parameter in command.params)
}
# What a required argument is given; whatever is not here gets the name of a study.
ARGUMENTS = {"trial": "0", "others": "1", "source": "digits", "new": "other"}


def with_database(study: CommandLine, url: str, *arguments: str) -> tuple[int, str]:
    """The exit code and all output of a command that finds the URL in its environment."""
    ran = study.run(*arguments, STUDY_STORAGE=url)
    return ran.code, ran.out + ran.err


def arguments_of(name: str) -> list[str]:
    required = [p for p in COMMANDS[name].params if p.required or p.name == "source"]
    words = []
    for parameter in required:
        if parameter.param_type_name == "option":
            words.append(parameter.opts[0])
        words.append(ARGUMENTS.get(parameter.name, "digits"))
    return words


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_command_says_the_password_of_a_database_that_is_away(study, name):
    code, said = with_database(study, UNREACHABLE, name, *arguments_of(name))
    assert code != 0
    assert said.strip()
    assert not any(trace in said for trace in TRACES), said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"mysql://me:{PASSWORD}@127.0.0.1/db", "mysql"),
        (f"postgresql://me:{PASSWORD}@127.0.0.1:port/db", "cannot be read"),
        (f"postgresql://me@no-such-host.invalid/db?password={PASSWORD}", "no-such-host"),
        (f"me:{PASSWORD}@127.0.0.1/db", "not a database URL"),
    ],
)
def test_no_url_that_is_wrong_is_repeated_with_its_password(study, url, expected):
    code, said = with_database(study, url, "launch", "--ray", "serial")
    assert code == 2
    assert expected in said
    assert not any(trace in said for trace in TRACES), said


@pytest.fixture
def locked_url(private_postgres_server) -> str:
    """A database of a user who must give the right password, which the URL does not have."""
    server = private_postgres_server
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE ROLE me LOGIN PASSWORD 'hunter2/zebra'")
        connection.execute("CREATE DATABASE locked OWNER me")
        (rules,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        path = Path(rules)
        before = path.read_text()
        path.write_text("local all me scram-sha-256\nhost all me all scram-sha-256\n" + before)
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)
    return server.get_uri(database="locked").replace("//postgres:@", "//me@")


def test_a_wrong_password_is_not_repeated(study, locked_url):
    url = with_password(locked_url, "zebra wrong")
    code, said = with_database(study, url, "list")
    assert code == 2
    assert "password authentication failed" in said
    assert not any(trace in said for trace in TRACES), said


def test_a_password_file_is_enough(study, locked_url, monkeypatch):
    """As containers get it: the URL without a password, libpq finds it in a file."""
    file = study.folder / "pgpass"
    file.write_text(f"*:*:*:*:{unquote(PASSWORD)}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    arguments = ("launch", "xor", "--ray", "serial", "--trials", "1", "--set", "training.epochs=2")
    code, said = with_database(study, locked_url, *arguments)
    assert code == 0, said


def test_while_a_study_runs_on_a_cluster_the_password_is_in_no_command_line(study, locked_url):
    url = with_password(locked_url, PASSWORD)
    with subprocess.Popen(
        [str(Path(sys.executable).parent / "study"), "launch", "digits", "--ray", "local"],
        cwd=study.folder,
        env={**study.environment(), "STUDY_STORAGE": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            seen = command_lines_until_ray_runs()
        finally:
            process.terminate()
            _, said = process.communicate(timeout=60)
    assert any(b"raylet" in line for line in seen)
    assert not any(b"zebra" in line for line in seen)
    assert "zebra" not in said


def command_lines_until_ray_runs() -> set[bytes]:
    seen: set[bytes] = set()
    for _ in range(300):
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.add(process.read_bytes())
            except OSError:  # it has ended
                continue
        if any(line.startswith(b"ray::") for line in seen):
            return seen
        time.sleep(0.1)
    pytest.fail("no Ray worker started")


def with_password(url: str, password: str) -> str:
    return make_url(url).set(password=unquote(password)).render_as_string(hide_password=False)
