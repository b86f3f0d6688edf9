"""What only the database knows, read at every scrape: the queue, and trials by state."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from storage.errors import StorageError
from storage.reading.counts import Counts


class StoredCounts(Collector):
    """Gauges of what read returns; without them, and with study_database_up 0, while it fails.

    All who serve one database show the same numbers: take their maximum, never their sum.
    """

    def __init__(self, read: Callable[[], Counts]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Nothing: to describe by collecting would read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read and show."""
        up = GaugeMetricFamily("study_database_up", "Whether the database answered this scrape.")
        studies = GaugeMetricFamily(
            "study_studies", "Studies in the database, by status.", labels=["status"]
        )
        trials = GaugeMetricFamily(
            "study_trials_stored",
            "Trials in the database, of studies that are queued or at work.",
            labels=["study", "state"],
        )
        try:
            counts = self._read()
        except StorageError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        for status, count in counts.studies.items():
            studies.add_metric([status.value], count)
        for (study, state), count in counts.trials.items():
            trials.add_metric([study, state.lower()], count)
        yield from (up, studies, trials)
