"""Metrics as Prometheus reads them: from the endpoint, by name and labels."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(url: str) -> str:
    """What the endpoint answers."""
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


def samples_of(text: str) -> Samples:
    """Every sample of an answer."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """One of them."""
    return samples[name, frozenset(labels.items())]
