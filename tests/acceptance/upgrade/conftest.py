"""Version 0.1's databases, for the command of today."""

import gzip
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.conftest import CommandLine, Ran
from tests.conftest import new_database
from tests.recorded import processor

DATA = Path(__file__).parents[2] / "data" / "v0_1"


@dataclass(frozen=True)
class Old:
    """Version 0.1's database, and the command beside the file that one of its studies reads."""

    command: CommandLine
    url: str

    def run(self, *arguments: str) -> Ran:
        """The command on that database, which must succeed."""
        ran = self.command.run(*arguments, STUDY_STORAGE=self.url)
        assert ran.code == 0, ran.err
        return ran


@pytest.fixture(scope="module")
def command(tmp_path_factory, forks) -> CommandLine:
    folder = tmp_path_factory.mktemp("old")
    shutil.copy(DATA / "people.csv", folder)
    return CommandLine(folder, forks)


@pytest.fixture(scope="module")
def sqlite(command) -> Old:
    path = command.folder / "study.db"
    path.write_bytes(gzip.decompress((DATA / "study.db.gz").read_bytes()))
    with closing(sqlite3.connect(path)) as database, database:
        for statement in of_another_processor():
            database.execute(statement)
    return Old(command, f"sqlite:///{path}")


@pytest.fixture(scope="module")
def postgresql(command, postgres_server) -> Iterator[Old]:
    with new_database(postgres_server) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(gzip.decompress((DATA / "study.sql.gz").read_bytes()))
            connection.execute("RESET ALL")
            for statement in of_another_processor():
                connection.execute(statement)
        yield Old(command, url)


def of_another_processor() -> list[str]:
    """A fingerprint names no processor, by which libraries choose their code as well: on another
    one than version 0.1 ran on, its trials are of another environment."""
    if processor() == (DATA / "processor.txt").read_text().strip():
        return []
    return ["UPDATE results SET fingerprint = 'another processor'"]
