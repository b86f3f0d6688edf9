"""Whether the holder of a lease has ended is told from evidence, never from a bare number."""

import subprocess
import sys
from dataclasses import replace

import pytest

from storage.owners import Owner, is_gone


@pytest.fixture
def living():
    """A process that is there, as an owner."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield Owner.of_process(process.pid)


@pytest.fixture
def ended():
    """A process that has ended, as an owner."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        return Owner.of_process(process.pid)


def test_a_process_of_our_own_is_gone_once_it_has_ended(living, ended):
    assert not is_gone(Owner.this_process())
    assert not is_gone(living)
    assert is_gone(ended)


def test_a_process_that_nobody_collects_is_gone():
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        owner = Owner.of_process(process.pid)
        process.stdout.read()
        while not is_gone(owner):  # between its last output and its end
            pass


def test_a_number_that_another_process_has_now_is_no_life(living):
    assert is_gone(replace(living, started=living.started - 1))


def test_of_a_number_in_another_boot_or_namespace_nothing_is_known(ended):
    boot, _, namespace = ended.table.rpartition("-")
    assert not is_gone(replace(ended, table=f"{boot}-{int(namespace) + 1}"))
    assert not is_gone(replace(ended, table=f"{boot[::-1]}-{namespace}"))
    assert not is_gone(replace(ended, host="elsewhere"))


def test_an_owner_is_stored_as_text_and_read_back(living):
    for owner in (living, Owner("host/with/slashes:8", 12), replace(living, started=None)):
        assert Owner.parse(owner.stored) == owner
    assert Owner.this_process() != Owner.this_process()


def test_of_an_owner_that_an_earlier_version_stored_nothing_is_known(ended):
    before = Owner.parse(f"{ended.host}/{ended.pid}/1f2e3d4c")
    assert before.stored == f"{ended.host}/{ended.pid}/1f2e3d4c"
    assert not is_gone(before)
