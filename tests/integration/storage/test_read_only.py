"""A database in a folder that may only be read."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from storage.database.opening import open_database
from storage.database.read_only import connect_read_only
from storage.errors import DatabaseNotWritable

# Who may write everywhere gives that right up first.
POWERLESS = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []

READ_AND_WRITE = """
import sys
from storage.database.opening import open_database
from storage.errors import DatabaseNotWritable
from storage.studies.names import list_names
with open_database(sys.argv[1], create=False) as database:
    print(list_names(database))
    try:
        with database.write():
            print("written")
    except DatabaseNotWritable as error:
        print(error)
"""


@pytest.fixture
def archive(tmp_path: Path):
    """An empty database that is closed, in a folder of its own."""
    folder = tmp_path / "100 % archived #1"
    folder.mkdir()
    with open_database(f"sqlite:///{folder}/study.db"):
        pass
    yield folder
    folder.chmod(0o755)


def run_powerless(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    if POWERLESS and shutil.which(POWERLESS[0]) is None:
        pytest.skip("this user may write everywhere")
    return subprocess.run(
        [*POWERLESS, sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def closed(folder: Path) -> str:
    (folder / "study.db").chmod(0o444)
    folder.chmod(0o555)
    return f"sqlite:///{folder}/study.db"


def test_it_is_read_and_writing_is_refused_in_one_line(archive: Path):
    ran = run_powerless(READ_AND_WRITE, closed(archive))
    assert ran.stderr == ""
    names, refused = ran.stdout.splitlines()
    assert names == "[]"
    assert "may only be read here: copy it" in refused


def test_tables_of_an_earlier_version_are_not_brought_up_to_date_there(archive: Path):
    with open_database(f"sqlite:///{archive}/study.db") as database, database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER " + first_trigger(connection))
    ran = run_powerless(READ_AND_WRITE, closed(archive))
    assert "must be brought up to date before it is read" in ran.stderr.splitlines()[-1]


def first_trigger(connection) -> str:
    return (
        connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        .scalars()
        .first()
    )


def test_changes_that_lie_in_a_log_beside_it_are_not_left_out(archive: Path, tmp_path: Path):
    with open_database(f"sqlite:///{archive}/study.db") as database:
        with database.write() as connection:
            connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
        assert (archive / "study.db-wal").stat().st_size > 0
        copied = tmp_path / "copied"
        copied.mkdir()
        for name in ("study.db", "study.db-wal"):
            shutil.copy(archive / name, copied)
    copied.chmod(0o555)
    ran = run_powerless(READ_AND_WRITE, f"sqlite:///{copied}/study.db")
    copied.chmod(0o755)
    assert "has changes in study.db-wal" in ran.stderr.splitlines()[-1]


def test_changes_of_whoever_may_write_are_seen(archive: Path):
    path = archive / "study.db"
    with open_database(f"sqlite:///{path}") as database:
        reader = connect_read_only(path, 1.0)
        with database.write() as connection:
            connection.exec_driver_sql("CREATE TABLE new (id INTEGER)")
        assert reader.execute("SELECT count(*) FROM new").fetchone() == (0,)
        reader.close()
    with pytest.raises(DatabaseNotWritable, match="folder"):
        open_database(f"sqlite:///{archive}/missing/study.db")
