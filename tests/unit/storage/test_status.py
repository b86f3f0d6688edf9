"""The table of transitions is whole, and its errors say what cannot be."""

from storage.errors import LeaseLost, StudyNotFound, StudyWithoutRun
from storage.owners import Owner
from storage.tables.status import ENDED, TRANSITIONS, RunStatus


def test_every_status_has_its_steps_and_can_be_reached():
    assert set(TRANSITIONS) == set(RunStatus)
    assert frozenset().union(*TRANSITIONS.values()) == set(RunStatus)


def test_every_study_that_has_ended_can_be_taken_up_again():
    assert all(RunStatus.RUNNING in TRANSITIONS[status] for status in ENDED)


def test_messages_are_plain_lines():
    assert str(StudyNotFound("x", ["a", "b"])) == "no study is called 'x'; the database has: a, b"
    assert str(StudyNotFound("x")).endswith("the database has no studies")
    assert "renamed by Optuna's own dashboard" in str(StudyWithoutRun("x"))
    assert "process 1 on elsewhere has it now" in str(LeaseLost("x", Owner("elsewhere", 1)))
