"""What a service reads of a queued study was written by somebody else."""

import json
import sys

import pytest
from sqlalchemy import text

from storage.database.engine import Database
from storage.errors import StorageError
from storage.owners import Owner
from storage.studies.leases import Lease
from storage.studies.queue import claim_next
from study.errors import InvalidInput
from study.service.enqueue import put_in_queue
from study.specification.stored import LARGEST_DOCUMENT, claimed_specification
from tests.service_processes import queue, spec_of


def claimed(database: Database, written: str | None = None) -> Lease:
    """The lease of a queued study, in whose row somebody wrote this."""
    queue(database.engine.url.render_as_string(hide_password=False), "small")
    if written is not None:
        with database.write() as connection:
            connection.execute(text("UPDATE study_runs SET specification = :t"), {"t": written})
    lease = claim_next(database, Owner.this_process(), 30.0)
    assert lease is not None
    return lease


def changed(**changes: object) -> str:
    return json.dumps({**spec_of("small").document(), **changes})


def test_a_queued_specification_is_read_as_it_was_written(database: Database):
    assert claimed_specification(database, claimed(database)) == spec_of("small")


def test_the_study_keeps_the_name_that_it_was_given_later(database: Database):
    lease = claimed(database, changed(name="as it was called once"))
    assert claimed_specification(database, lease).name == "small"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("[1, 2]", "is not a mapping"),
        ("null", "is not a mapping"),
        ('{"name": "small"}', "data: is missing"),
        (changed(training={"epochs": 0}), r"training\.epochs: found 0"),
        (changed(unheard_of=1), "unknown key 'unheard_of'"),
        (changed(search={"depth": {"low": 1, "high": "__import__('os')"}}), "depth"),
        (json.dumps({"claims": "x" * LARGEST_DOCUMENT}), f"larger than {LARGEST_DOCUMENT}"),
    ],
    ids=lambda value: value[:24],
)
def test_what_is_no_specification_is_refused_in_one_line(database: Database, written, complaint):
    with pytest.raises(InvalidInput, match=complaint) as refused:
        claimed_specification(database, claimed(database, written))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


def test_depth_without_end_is_refused_here_or_by_the_database_itself(database: Database):
    written = "[" * 200_000 + "]" * 200_000
    if database.dialect == "postgresql":
        with pytest.raises(StorageError, match="stack depth"):
            claimed(database, written)
        return
    with pytest.raises(InvalidInput, match=r"no JSON|larger|not a mapping"):
        claimed_specification(database, claimed(database, written))


def test_a_specification_that_is_too_large_is_not_queued(sqlite_url: str):
    levels = list(range(1, 300_000))
    spec = spec_of("large", search={"batch_size": levels})
    with pytest.raises(InvalidInput, match="give ranges in place of long lists"):
        put_in_queue(spec, sqlite_url)


def test_nothing_of_a_queued_study_is_unpickled(database: Database):
    lease = claimed(database)
    found = []
    watching = [True]

    def hook(event: str, arguments: object) -> None:
        if watching and event == "pickle.find_class":
            found.append(arguments)

    sys.addaudithook(hook)
    claimed_specification(database, lease)
    watching.clear()
    assert found == []
