"""Trials behind a cache that is refreshed from the database: what TrialStorage is built on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna.trial import FrozenTrial
from sqlalchemy import Connection

from storage.database.engine import Database
from storage.studies.leases import Lease, fence
from storage.trials import reads
from storage.trials.cache import StudyCache
from storage.trials.conversion import TrialRows
from storage.trials.garbage import collector_at_rest


class CachedTrials:
    """The trials of a database's studies. Thread-safe, picklable (the cache stays behind)."""

    def __init__(self, database: Database, lease: Lease | None = None) -> None:
        self.database = database
        self._lease = lease
        self._caches: dict[int, StudyCache] = {}
        # Held while the database is read into the cache, or an older state could come in last.
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        return {"database": self.database, "lease": self._lease}

    def __setstate__(self, state: dict[str, Any]) -> None:
        CachedTrials.__init__(self, state["database"], state["lease"])

    def refresh(self, study_id: int) -> list[FrozenTrial]:
        """All trials by number, as the database has them now: shared, never to be altered.

        Reads only what can have changed. Raises StudyNotFound.
        """
        with self._lock:
            return self._refreshed(study_id).all()

    def _refreshed(self, study_id: int) -> StudyCache:
        cache = self._caches.get(study_id)
        with self.database.read() as connection:
            changed: list[TrialRows] = []
            if cache is not None and cache.newest is not None:
                changed = reads.read_changed(connection, study_id, cache.newest, cache.unfinished)
            if cache is None or cache.newest is None or cache.is_stale(changed):
                self._caches.pop(study_id, None)
                with collector_at_rest():
                    changed = reads.read_study(connection, study_id)
                cache = StudyCache()
        with collector_at_rest():
            for rows in changed:
                cache.add(rows)
        self._caches[study_id] = cache
        return cache

    def _known(self, study_id: int) -> StudyCache:
        """The cache as it is, read first where nothing is known yet."""
        return self._caches.get(study_id) or self._refreshed(study_id)

    @contextmanager
    def _writing(self, study_id: int) -> Iterator[Connection]:
        """A transaction that writes to the study, fenced if our lease is on it."""
        with self.database.write() as connection:
            if self._lease is not None and self._lease.study_id == study_id:
                fence(connection, self._lease)
            yield connection
