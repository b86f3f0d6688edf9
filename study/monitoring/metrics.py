"""What is counted of running studies, for Prometheus.

One registry, in the process that serves: studies that run in processes of their own send their
events to it (study.monitoring.channel). That keeps counters exact when such a process dies, and
lets the series of studies that ended long ago be forgotten, neither of which files shared between
processes can do.
"""

import threading
from collections import Counter as Count
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from study.errors import InvalidInput
from study.monitoring import events
from study.monitoring.event import Event

# Series of the studies that ended last are kept, so that a scrape sees their end.
ENDED_STUDIES_KEPT = 100

TRANSACTION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
COHORT_BUCKETS = (0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)
FILL_BUCKETS = (0.125, 0.25, 0.5, 0.75, 0.9, 1.0, 1.25, 1.5, 2.0)


class Metrics:
    """Counts events. Thread-safe.

    stored adds what the database alone knows: see study.monitoring.stored_counts.
    """

    def __init__(self, stored: Collector | None = None) -> None:
        disable_created_metrics()
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._lock = threading.Lock()
        self._processes: Count[str] = Count()  # by study; an end may be read late
        self._ended: OrderedDict[str, None] = OrderedDict()
        if stored is not None:
            self.registry.register(stored)
        of = self.registry
        self._running = Gauge("study_running", "Studies that this process runs now.", registry=of)
        self._endings = Counter(
            "study_endings", "Studies that ended here, by why.", ["ending"], registry=of
        )
        self._leases = Counter(
            "study_lease_changes",
            "Leases by what became of them: taken, taken_over from one that fell silent, or lost.",
            ["change"],
            registry=of,
        )
        self._crashes = Counter(
            "study_crashes",
            "Coordinators that died of their study, or could not go on.",
            registry=of,
        )
        for change in ("taken", "taken_over", "lost"):
            self._leases.labels(change)
        self._trials = Counter(
            "study_trials", "Trials that ended and were committed.", ["study", "state"], registry=of
        )
        self._copied = Counter(
            "study_trials_copied",
            "Complete trials that have the results of an equal one.",
            ["study"],
            registry=of,
        )
        self._training = Gauge(
            "study_trials_training", "Trials in training.", ["study"], registry=of
        )
        self._slots = Gauge(
            "study_slots", "Cohorts that the pool could train at once.", ["study"], registry=of
        )
        self._busy = Gauge(
            "study_slots_busy_ratio", "Share of these that train one.", ["study"], registry=of
        )
        self._failures = Counter(
            "study_cohort_failures",
            "Cohorts that came back untrained, by why and by what followed.",
            ["study", "reason", "remedy"],
            registry=of,
        )
        self._cohorts = Histogram(
            "study_cohort_seconds",
            "Training a cohort, on its worker.",
            ["study"],
            buckets=COHORT_BUCKETS,
            registry=of,
        )
        self._fill = Histogram(
            "study_cohort_fill_ratio",
            "Networks of a dispatched cohort, as a share of how many it should have.",
            ["study"],
            buckets=FILL_BUCKETS,
            registry=of,
        )
        self._transactions = Histogram(
            "study_database_transaction_seconds",
            "Transactions: write are asks, commits and leases, read are refreshes.",
            ["kind", "outcome"],
            buckets=TRANSACTION_BUCKETS,
            registry=of,
        )
        self._away = Gauge(
            "study_database_away", "1 while the database does not answer.", ["study"], registry=of
        )
        self._of_a_study = (
            *(self._trials, self._copied, self._training, self._slots, self._busy),
            *(self._failures, self._cohorts, self._fill, self._away),
        )

    def study_started(self, study: str) -> None:
        """A process begins to run the study."""
        with self._lock:
            self._ended.pop(study, None)
            self._processes[study] += 1
            self._running.inc()
            for state in ("complete", "pruned", "failed"):
                self._trials.labels(study, state)
            self._failures.labels(study, "worker_lost", "retry")
            self._away.labels(study).set(0)

    def study_ended(self, study: str) -> None:
        """The process that ran the study is gone, however it ended."""
        with self._lock:
            self._running.dec()
            self._processes[study] -= 1
            if self._processes[study]:
                return
            del self._processes[study]
            for gauge in (self._training, self._slots, self._busy, self._away):
                gauge.remove_by_labels({"study": study})
            self._ended[study] = None
            while len(self._ended) > ENDED_STUDIES_KEPT:
                forgotten, _ = self._ended.popitem(last=False)
                for metric in self._of_a_study:
                    metric.remove_by_labels({"study": forgotten})

    def count_event(self, study: str, event: Event) -> None:
        """Count the event of that study."""
        self._count(event)
        self._count_of(study, event)

    def _count(self, event: Event) -> None:
        """Of all studies together."""
        match event:
            case events.StudyEnded():
                self._endings.labels(event.ending).inc()
            case events.LeaseTaken():
                self._leases.labels("taken_over" if event.taken_from else "taken").inc()
            case events.StudyRecovered():
                self._leases.labels("taken_over").inc()
            case events.CoordinatorReplaced():
                self._leases.labels("lost").inc()
            case events.StudyCrashed():
                self._crashes.inc()
            case events.DatabaseUsed():
                outcome = "undone" if event.failed else "done"
                self._transactions.labels(event.kind, outcome).observe(event.seconds)

    def _count_of(self, study: str, event: Event) -> None:
        """Of this study alone."""
        match event:
            case events.CohortDispatched():
                self._fill.labels(study).observe(event.networks / event.wanted)
            case events.CohortReturned():
                self._cohorts.labels(study).observe(event.seconds)
            case events.CohortFailed():
                reason, remedy = event.kind.replace(" ", "_"), event.remedy.replace(" ", "_")
                self._failures.labels(study, reason, remedy).inc()
            case events.TrialsCommitted():
                self._trials.labels(study, "complete").inc(event.complete)
                self._trials.labels(study, "pruned").inc(event.pruned)
                self._trials.labels(study, "failed").inc(event.failed)
                self._copied.labels(study).inc(event.copied)
            case events.Occupancy():
                self._training.labels(study).set(event.trials)
                self._slots.labels(study).set(event.slots)
                self._busy.labels(study).set(event.busy / event.slots if event.slots else 0)
            case events.DatabaseAway():
                self._away.labels(study).set(1)
            case events.DatabaseBack():
                self._away.labels(study).set(0)


LOOPBACK = "127.0.0.1"


def metrics_address(text: str) -> tuple[str, int]:
    """Host and port of "PORT", "HOST:PORT" or "[IPV6]:PORT"; without a host, this machine alone.

    Raises:
        InvalidInput: it is none of these.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not port.isdecimal() or int(port) > 65535 or text.startswith(":"):
        raise InvalidInput(f"--metrics: found {text!r}; give PORT or HOST:PORT, such as 9464")
    return host or LOOPBACK, int(port)


@contextmanager
def serving_metrics(metrics: Metrics, host: str, port: int) -> Iterator[int]:
    """Answer GET /metrics within the block; port 0 takes a free one. The port comes back.

    Raises:
        InvalidInput: the address cannot be listened on.
    """
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        reason = error.strerror or error
        raise InvalidInput(f"--metrics: cannot listen on {host}:{port}: {reason}") from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
