"""Every kind of event is known to all that take events: the channel, the logs and the metrics."""

import ast
import json
import logging
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
import structlog
from prometheus_client import generate_latest

import study
from study.monitoring.channel import decode
from study.monitoring.event import COUNTED_ONLY, Event
from study.monitoring.events import KINDS, LeaseTaken
from study.monitoring.logs import StudyLog
from study.monitoring.metrics import Metrics

# Events that a log has and no metric counts: what they say is in another one's count.
LOGGED_ONLY = {
    *("study began", "stop requested", "process started", "process ended", "trial failed"),
    *("data read", "copies in test", "trials left aside", "trials ended elsewhere"),
    *("confirmation began", "trials confirmed"),
}


def example_of(kind: type[Event]) -> Event:
    """An event of the kind with something in every field."""
    hints = get_type_hints(kind)
    return kind(**{field.name: something(hints[field.name]) for field in fields(kind)})


def something(hint: Any) -> Any:
    if get_origin(hint) is tuple:
        return (something(get_args(hint)[0]),)
    values = {bool: True, int: 2, float: 0.5, str: "text"}
    return next(values[kind] for kind in (hint, *get_args(hint)) if kind in values)


def test_every_event_of_the_product_is_known_by_a_name_of_its_own():
    defined = {
        node.name
        for path in Path(study.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Event" for base in node.bases)
    }
    known = {kind.__name__ for kind in KINDS.values()}
    assert len(known) >= 18
    assert known == defined, "study/monitoring/events.py: a class elsewhere, or a name used twice"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_event_comes_out_of_the_channel_as_it_went_in(kind):
    event = example_of(kind)
    assert decode((json.dumps([event.name, event.fields]) + "\n").encode()) == event


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_event_is_a_line_of_the_log_unless_it_is_counted_only(kind):
    event = example_of(kind)
    logging.getLogger("study").setLevel(logging.DEBUG)
    with structlog.testing.capture_logs() as lines:
        StudyLog("digits").record_event(event)
    if event.level == COUNTED_ONLY:
        assert lines == []
        return
    (line,) = lines
    assert (line["event"], line["study"]) == (event.name, "digits")
    assert line["log_level"] == logging.getLevelName(event.level).lower()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_event_is_counted_unless_it_is_logged_only(kind):
    metrics = Metrics()
    metrics.study_started("digits")
    for other in KINDS.values():
        if other is not kind:  # so that a gauge has something to change
            metrics.count_event("digits", example_of(other))
    before = samples(metrics)
    metrics.count_event("digits", example_of(kind))
    counted = samples(metrics) != before
    assert counted == (kind.name not in LOGGED_ONLY), (
        f"study/monitoring/metrics.py: count {kind.__name__}, or name it in LOGGED_ONLY here"
    )


def test_what_is_counted_only_is_never_logged_so_it_must_be_counted():
    silent = {kind.name for kind in KINDS.values() if example_of(kind).level == COUNTED_ONLY}
    assert silent
    assert not silent & LOGGED_ONLY


def test_taking_a_study_over_is_a_warning_and_taking_a_free_one_is_not():
    assert LeaseTaken("me", 1).level == logging.INFO
    assert LeaseTaken("me", 2, "somebody").level == logging.WARNING


def samples(metrics: Metrics) -> list[str]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    return [line for line in lines if line.startswith("study_")]
