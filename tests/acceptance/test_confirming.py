"""`study confirm`, and a launch with `confirm:`, from end to end."""

import re
import signal
import subprocess
from collections.abc import Callable

import pandas as pd
import pytest

from storage.database.opening import open_database
from storage.owners import Owner
from storage.reading.frames import (
    load_layer_statistics,
    load_learning_curves,
    load_members,
    load_replicates,
    load_results,
)
from storage.studies.leases import acquire_lease
from storage.studies.runs import read_run
from storage.trials.storage import TrialStorage
from study.analysis import load_measurements
from tests.acceptance.conftest import CommandLine

SLOW = """\
name: slow
data: {source: wine}
search:
  depth: {low: 1, high: 3}
  width: 16
  activation: [relu, tanh]
  learning_rate: {low: 1e-3, high: 1e-1, log: true}
training: {epochs: 60, replicates: 2}
baseline: [{depth: 3}]
sampler: random
budget: {trials: 5}
"""
LOADERS = (load_replicates, load_members, load_learning_curves, load_layer_statistics)
SERIAL = ("--cluster", "serial")


@pytest.fixture
def slow(study: CommandLine) -> str:
    """A specification of which a confirmation takes seconds."""
    return study.write("slow.yaml", SLOW)


def url_of(study: CommandLine, name: str = "study") -> str:
    return f"sqlite:///{study.folder / name}.db"


def fresh_rows(url: str) -> list[pd.DataFrame]:
    return [load("slow", url, purpose="confirmation") for load in LOADERS]


def assert_same(found: list[pd.DataFrame], expected: list[pd.DataFrame]) -> None:
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def interrupt_when(process: "subprocess.Popen[str]", said: str, number: int) -> int:
    """Send the signal as soon as the process has said so; its exit code."""
    for line in process.stderr:
        if said in line:
            break
    else:
        pytest.fail(f"it never said {said!r}")
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode


def test_the_best_trials_and_the_baseline_are_confirmed_and_nothing_else_changes(study, slow):
    url = url_of(study)
    assert study.run("launch", slow, *SERIAL).code == 0
    before = load_measurements("slow", url)
    with open_database(url) as database:
        storage = TrialStorage(database)
        trials = storage.get_all_trials(before.run.study_id)
    ran = study.run("confirm", "slow", *SERIAL)
    assert ran.code == 0, ran.err
    assert "Test accuracy on 10 fresh replicates" in ran.out
    assert "one next network will probably be between" in " ".join(ran.out.split())

    after = load_measurements("slow", url)
    pd.testing.assert_frame_equal(after.results, before.results, check_exact=True)
    for name in ("replicates", "members", "learning_curves", "layer_statistics"):
        pd.testing.assert_frame_equal(getattr(after, name), getattr(before, name), check_exact=True)
    assert after.splits["replicate"].tolist() == before.splits["replicate"].tolist() == [0, 1]
    assert (after.run.status, after.run.finished_at) == ("finished", before.run.finished_at)
    with open_database(url) as database:
        assert TrialStorage(database).get_all_trials(before.run.study_id) == trials

    assert before.confirmation is None
    fresh = after.confirmation
    ranked = before.results.sort_values("validation_accuracy", ascending=False, kind="stable")
    expected = {*ranked["trial"][:3].tolist(), 0}  # the baseline is the first trial
    assert set(fresh.replicates["trial"]) == expected
    assert fresh.splits["replicate"].tolist() == list(range(2, 12))
    assert fresh.replicates.groupby("trial").size().tolist() == [10] * len(expected)
    searched, drawn = before.splits["validation_index"], fresh.splits["validation_index"]
    assert len({index.tobytes() for index in [*searched, *drawn]}) == 12
    assert "fresh replicates" in study.run("status", "slow").out


def test_what_is_confirmed_is_not_trained_again_and_more_replicates_are_added(study, slow):
    url = url_of(study)
    study.run("launch", slow, *SERIAL)
    assert study.run("confirm", "slow", "2", *SERIAL).code == 0
    first = fresh_rows(url)
    ran = study.run("confirm", "slow", "2", *SERIAL)
    assert ran.code == 0
    assert "they were confirmed before; nothing to do" in ran.err
    assert_same(fresh_rows(url), first)
    ran = study.run("confirm", "slow", "2", "1", "--replicates", "12", *SERIAL)
    assert ran.code == 0, ran.err
    more = fresh_rows(url)
    assert more[0].groupby("trial").size().to_dict() == {1: 12, 2: 12}
    kept = [t[(t["trial"] == 2) & (t["replicate"] < 12)].reset_index(drop=True) for t in more]
    assert_same(kept, first)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_confirmation_that_is_killed_or_stopped_comes_to_the_same_rows(study, slow, number):
    url, undisturbed = url_of(study), url_of(study, "undisturbed")
    place = ("--storage", undisturbed)
    study.run("launch", slow, *SERIAL, *place)
    assert study.run("confirm", "slow", *SERIAL, *place).code == 0
    study.run("launch", slow, *SERIAL)
    code = interrupt_when(study.start("confirm", "slow", *SERIAL), "confirmed trial", number)
    assert code == {signal.SIGKILL: -9, signal.SIGINT: 130}[number]
    with open_database(url) as database:
        assert read_run(database, "slow").status == "finished"
    part = len(fresh_rows(url)[0])
    assert 0 < part < len(fresh_rows(undisturbed)[0])
    ran = study.run("confirm", "slow")  # in processes: where it is trained changes no bit
    assert ran.code == 0, ran.err
    assert_same(fresh_rows(url), fresh_rows(undisturbed))
    with open_database(url) as database:
        assert read_run(database, "slow").status == "finished"


def test_a_launch_confirms_after_its_search_also_when_it_is_killed_there(study):
    text = SLOW + "confirm: {trials: 2, replicates: 10}\n"
    spec = study.write("confirmed.yaml", text)
    url, undisturbed = url_of(study), url_of(study, "undisturbed")
    ran = study.run("launch", spec, *SERIAL, "--storage", undisturbed)
    assert ran.code == 0, ran.err
    assert "confirming trials" in ran.err
    assert "Test accuracy on 10 fresh replicates" in ran.out
    code = interrupt_when(study.start("launch", spec, *SERIAL), "confirmed trial", signal.SIGKILL)
    assert code == -9
    assert 0 < len(fresh_rows(url)[0]) < len(fresh_rows(undisturbed)[0])
    assert study.run("launch", spec, *SERIAL).code == 0
    assert_same(fresh_rows(url), fresh_rows(undisturbed))
    with open_database(url) as database:
        assert read_run(database, "slow").status == "finished"
    ran = study.run("launch", spec, *SERIAL)
    assert "the budget was reached before; nothing to do" in ran.err


def test_a_launch_that_is_stopped_while_it_confirms_is_stopped_and_goes_on(study):
    spec = study.write("confirmed.yaml", SLOW + "confirm: {trials: 2, replicates: 10}\n")
    url = url_of(study)
    code = interrupt_when(study.start("launch", spec, *SERIAL), "confirmed trial", signal.SIGINT)
    assert code == 130
    with open_database(url) as database:
        assert read_run(database, "slow").status == "stopped"
    assert study.run("resume", "slow", *SERIAL).code == 0
    assert fresh_rows(url)[0].groupby("trial").size().tolist() == [10, 10, 10]
    with open_database(url) as database:
        assert read_run(database, "slow").status == "finished"


def test_a_study_that_was_searched_before_can_be_launched_with_confirm(study, slow):
    study.run("launch", slow, *SERIAL)
    ran = study.run("launch", slow, "--set", "confirm={trials: 1}", *SERIAL)
    assert ran.code == 0, ran.err
    assert fresh_rows(url_of(study))[0]["trial"].nunique() == 2  # and the baseline
    assert len(load_results("slow", url_of(study))) == 5


def test_a_replay_compares_the_fresh_replicates_too(study, slow):
    study.run("launch", slow, *SERIAL)
    before = study.run("replay", "slow", "1")
    study.run("confirm", "slow", "1", *SERIAL)
    after = study.run("replay", "slow", "1")
    assert after.code == 0, after.err
    assert "bit for bit" in after.err
    assert compared(after.err) > 5 * compared(before.err)
    with open_database(url_of(study)) as database, database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE replicates SET test_accuracy = 0.123 WHERE replicate = 7"
        )
    changed = study.run("replay", "slow", "1")
    assert changed.code == 1
    assert "1 of" in changed.err
    assert "replicate 7" in changed.out


def compared(said: str) -> int:
    """How many numbers a replay compared, of which none differed."""
    found = re.search(r": 0 of (\d+) numbers differ", said)
    assert found, said
    return int(found[1])


def test_what_cannot_be_confirmed_is_refused_in_one_line(study, slow, refused: Callable[..., str]):
    study.run("launch", slow, *SERIAL)
    line = refused("confirm", "slow", "77")
    assert line == "study: study 'slow' has no trial 77; it has 0 to 4"
    line = refused("confirm", "slow", "--replicates", "4")
    assert line == "study: --replicates: found 4; give at least 10"
    assert refused("confirm", "nope").startswith("study: no study is called 'nope'")
    line = refused("launch", slow, "--set", "confirm={replicates: 4}")
    assert line.endswith("confirm.replicates: found 4; give a value ≥ 10")


def test_a_study_that_somebody_works_on_or_that_has_not_ended_is_not_confirmed(study, slow):
    study.run("launch", slow, *SERIAL)
    with open_database(url_of(study)) as database:
        lease = acquire_lease(database, "slow", Owner("elsewhere", 1), 60.0)
        ran = study.run("confirm", "slow", *SERIAL)
        assert ran.code == 3
        assert "is being worked on by" in ran.err
        said = study.run("stop", "slow").err
        assert "was finished already; process 1 on elsewhere confirms trials of it" in said
        with database.write() as connection:
            connection.exec_driver_sql(
                f"UPDATE study_runs SET owner = NULL, status = 'running' "
                f"WHERE study_id = {lease.study_id}"
            )
    ran = study.run("confirm", "slow", *SERIAL)
    assert ran.code == 2
    assert "study resume slow" in ran.err
    assert fresh_rows(url_of(study))[0].empty


def test_a_confirmation_on_postgresql(study, slow, postgres_url):
    place = ("--storage", postgres_url, *SERIAL)
    study.run("launch", slow, *place)
    assert study.run("confirm", "slow", "1", *place).code == 0
    assert "nothing to do" in study.run("confirm", "slow", "1", *place).err
    assert (
        load_replicates("slow", postgres_url, purpose="confirmation")["trial"].tolist() == [1] * 10
    )
    assert len(load_replicates("slow", postgres_url)) == 10
