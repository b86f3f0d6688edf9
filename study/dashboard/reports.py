"""Reports of studies as pages: computed when asked for, one at a time, kept while they hold."""

import gzip
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from storage.database.engine import Database
from storage.reading.counts import count_finished
from storage.studies.runs import StudyRun, read_run
from storage.trials.confirmations import confirmed_replicates
from study.dashboard.headers import scripts_of
from study.dashboard.pages import links_back

KEPT = 8
"""How many reports are kept, compressed: 1.5 MB each."""

MOST_WAITING = 2
"""How many requests may wait for a report, the one that is computed included: the others must not
take the threads away from everything else."""


class Busy(Exception):
    """Too many requests wait for a report already."""


@dataclass(frozen=True, slots=True)
class Edition:
    """The state of a study that a report was computed from; while it is the same, the report is
    kept. confirmed are the fresh replicates of each confirmed trial."""

    run: StudyRun
    finished: int
    confirmed: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A report as it is sent. scripts are the SHA-256 of those that it holds, in base64."""

    compressed: bytes
    scripts: tuple[str, ...]


class Reports:
    """The reports of a database, which is at the URL `storage`; safe to share between threads."""

    def __init__(self, database: Database, storage: str) -> None:
        self._database = database
        self._storage = storage
        self._kept: OrderedDict[int, tuple[Edition, ReportPage]] = OrderedDict()
        self._computing = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    def page(self, study: str) -> ReportPage:
        """The report of the study as it is now.

        Raises:
            Busy: too many wait.
            InvalidInput: nothing can be said of it yet.
            StorageError: there is no such study, or the database is away.
        """
        edition = self._edition(study)
        found = self._find(edition)
        if found is not None:
            return found
        with self._turn():
            found = self._find(edition)  # whoever was before may have asked for the same
            if found is None:
                found = _compute(edition, self._storage)
                self._kept[edition.run.study_id] = (edition, found)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return found

    def _edition(self, study: str) -> Edition:
        run = read_run(self._database, study)
        # Who works on it, and until when, is in no report.
        still = replace(run, owner=None, lease_epoch=0, lease_expires_at=None, claim_after=None)
        finished = count_finished(self._database, run.study_id)
        return Edition(still, finished, confirmed_replicates(self._database, study))

    def _find(self, edition: Edition) -> ReportPage | None:
        kept = self._kept.get(edition.run.study_id)
        return kept[1] if kept is not None and kept[0] == edition else None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._waiting.acquire(blocking=False):
            raise Busy
        try:
            with self._computing:
                yield
        finally:
            self._waiting.release()


def _compute(edition: Edition, storage: str) -> ReportPage:
    from study.analysis import load_measurements
    from study.report.building import build_report
    from study.report.page import as_page

    run = edition.run
    made = f"{edition.finished} finished trials · {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    shown = f'<a href="/dashboard/studies/{run.study_id}">{escape(run.study)} in the dashboard</a>'
    above = links_back(shown, f"<span>{made}</span>")
    text = as_page(build_report(load_measurements(run.study, storage)), above=above)
    return ReportPage(gzip.compress(text.encode(), 6, mtime=0), scripts_of(text))


def report_path(study: str) -> str:
    """Where the report of a study is."""
    if study in (".", ".."):  # as part of a path a browser would resolve it away, quoted or not
        return f"/report/?study={study}"
    return f"/report/{quote(study)}"
