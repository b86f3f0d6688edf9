"""A finished study, made once, and a copy of it for every test that may change it."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from tests.acceptance.conftest import CommandLine
from tests.acceptance.models.people import PEOPLE, people


@pytest.fixture(scope="package")
def finished(tmp_path_factory, forks):
    """A folder with a finished study of every topology, and trial 0 exported to `model`."""
    folder = tmp_path_factory.mktemp("people")
    people().to_csv(folder / "people.csv", index=False)
    (folder / "people.yaml").write_text(PEOPLE)
    here = CommandLine(folder, forks)
    launched = here.run("launch", "people.yaml", "--ray", "serial")
    assert launched.code == 0, launched.err
    exported = here.run("export", "people", "0", "--output", "model")
    assert exported.code == 0, exported.err
    return folder


@pytest.fixture
def there(study, finished):
    """The study `people` in the command's folder."""
    with (
        closing(sqlite3.connect(finished / "study.db")) as source,
        closing(sqlite3.connect(study.folder / "study.db")) as copy,
    ):
        source.backup(copy)
    return study


@pytest.fixture
def model(there, finished):
    """The study's folder with trial 0 exported to `model`."""
    shutil.copytree(finished / "model", there.folder / "model")
    return there
