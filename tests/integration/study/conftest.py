"""Fixtures of the coordinator's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database.opening import open_database
from tests.integration.study.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    with open_database(url) as database:
        yield Bench(database, url)
