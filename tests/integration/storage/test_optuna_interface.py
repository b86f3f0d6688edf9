"""The storage does what Optuna asks of any storage: its own suite, on both databases."""

from collections.abc import Iterator

import pytest
from optuna.testing.pytest_storages import StorageTestCase

from storage.database.engine import Database
from storage.trials.storage import TrialStorage


class TestTrialStorage(StorageTestCase):
    @pytest.fixture
    def storage(self, database: Database) -> Iterator[TrialStorage]:
        return TrialStorage(database)
