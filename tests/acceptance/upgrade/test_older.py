"""What was written before something was added is read as it was meant, and nothing else is.

A version that knew less is played by taking away what it would not have written.
"""

import gzip
import json
import re
import shutil
import sqlite3
from contextlib import closing

import pytest

from study import load_model, load_results
from tests.acceptance.upgrade.conftest import DATA, of_another_processor


@pytest.fixture
def there(study):
    """The command beside a database of version 0.1 that a test may change."""
    (study.folder / "study.db").write_bytes(gzip.decompress((DATA / "study.db.gz").read_bytes()))
    shutil.copy(DATA / "people.csv", study.folder)
    for statement in of_another_processor():
        change(study, statement)
    return study


def change(study, statement, *values):
    with closing(sqlite3.connect(study.folder / "study.db")) as database, database:
        changed = database.execute(statement, values).rowcount
    assert changed > 0


def edit_specification(study, name, edit):
    with closing(sqlite3.connect(study.folder / "study.db")) as database, database:
        query = "SELECT specification FROM study_runs WHERE study = ?"
        ((text,),) = database.execute(query, [name]).fetchall()
        document = json.loads(text)
        edit(document)
        statement = "UPDATE study_runs SET specification = ? WHERE study = ?"
        database.execute(statement, [json.dumps(document), name])


def without_a_setting(document):
    assert document["training"].pop("momentum") == 0.9


def without_a_section(document):
    del document["resources"], document["search"]["early_stopping_patience"]


@pytest.mark.parametrize("edit", [without_a_setting, without_a_section])
def test_a_study_from_before_a_setting_goes_on_with_its_default(there, edit):
    edit_specification(there, "tpe", edit)
    specification = str(DATA / "specifications" / "tpe.yaml")
    launched = there.run("launch", specification, "--ray", "serial", "--trials", "17")
    assert launched.code == 0, launched.err
    edit_specification(there, "tpe", edit)
    resumed = there.run("resume", "tpe", "--ray", "serial", "--trials", "18")
    assert resumed.code == 0, resumed.err
    assert len(load_results("tpe", f"sqlite:///{there.folder / 'study.db'}")) == 18


def test_a_study_from_before_untrained_inputs_goes_on_by_its_file_with_what_it_was(there):
    """digits has pixels that are constant in most training splits: their networks differ."""
    specification = str(DATA / "specifications" / "halfway.yaml")
    launched = there.run("launch", specification, "--ray", "serial", "--trials", "6")
    assert launched.code == 0, launched.err
    replayed = there.run("replay", "halfway", "5")
    assert replayed.code == 0, replayed.err
    with closing(sqlite3.connect(there.folder / "study.db")) as database:
        query = "SELECT specification FROM study_runs WHERE study = 'halfway'"
        ((text,),) = database.execute(query).fetchall()
    assert json.loads(text)["data"]["untrained_inputs"] == "kept"


def test_a_study_from_before_a_setting_is_queued_and_reported(there):
    edit_specification(there, "people", without_a_setting)
    queued = there.run("resume", "people", "--trials", "8", "--detach")
    assert queued.code == 0, queued.err
    edit_specification(there, "people", without_a_setting)
    reported = there.run("report", "people", "--output", "page.md")
    assert reported.code == 0, reported.err


def test_another_value_than_the_default_is_another_search(there):
    edit_specification(there, "halfway", without_a_setting)
    specification = str(DATA / "specifications" / "halfway.yaml")
    ran = there.run("launch", specification, "--set", "training.momentum=0.5")
    assert ran.code == 2
    assert ran.err == (
        "study: study 'halfway' was begun with training.momentum = 0.9, found 0.5; only its budget "
        "may change: use that value, or another name with --name\n"
    )


def test_a_study_with_a_setting_that_is_not_known_does_not_go_on(there):
    edit_specification(there, "halfway", lambda document: document["training"].update(warmup=3))
    specification = str(DATA / "specifications" / "halfway.yaml")
    for command in (["launch", specification], ["resume", "halfway"], ["replay", "halfway", "0"]):
        ran = there.run(*command)
        assert ran.code == 2
        assert ran.err.startswith("study: study 'halfway': training: unknown key 'warmup'")
        assert ran.err.count("\n") == 1


def of(name, trial):
    return f"trial_id = (SELECT trial_id FROM results WHERE study = '{name}' AND trial = {trial})"


METRIC = f"UPDATE replicates SET balanced_test_accuracy = NULL WHERE {of('varied', 2)}"
SUMMARY = f"UPDATE results SET balanced_test_accuracy = NULL WHERE {of('varied', 2)}"


def replayed(study, name, trial):
    """Of how many numbers a replay says that they differ, were compared, were not recorded.

    What the program of today measures beyond version 0.1 is among the last.
    """
    ran = study.run("replay", name, str(trial))
    differ, compared = map(int, re.search(r": (\d+) of (\d+) numbers differ", ran.err).groups())
    unrecorded = re.search(
        r"; (\d+) numbers? (was|were) not recorded by the version that trained it$", ran.err.strip()
    )
    assert ran.code == (1 if differ else 0)
    return differ, compared, int(unrecorded[1]) if unrecorded else 0


def test_numbers_that_were_not_recorded_are_counted_and_not_compared(there):
    _, compared, unrecorded = replayed(there, "varied", 2)
    change(there, SUMMARY)
    assert replayed(there, "varied", 2) == (0, compared - 1, unrecorded + 1)
    change(there, METRIC)
    assert replayed(there, "varied", 2) == (0, compared - 3, unrecorded + 3)
    ran = there.run("export", "varied", "2", "--output", "model")
    assert ran.code == 0
    assert f"{compared - 3} numbers came out as recorded" in ran.err
    said = f"; {unrecorded + 3} numbers were not recorded by the version that trained it\n"
    assert said in ran.err
    assert load_model(there.folder / "model").labels == ("benign", "malignant")


@pytest.mark.parametrize(
    ("statement", "lost"),
    [
        (f"{METRIC} AND replicate = 1", 1),  # the other replicate has it
        (f"UPDATE replicates SET test_accuracy = NULL WHERE {of('varied', 2)}", 2),
        (f"UPDATE results SET test_accuracy = NULL WHERE {of('varied', 2)}", 1),
        (f"DELETE FROM members WHERE {of('varied', 2)} AND replicate = 1 AND member = 2", 16),
    ],
)
def test_numbers_that_were_lost_are_differences(there, statement, lost):
    _, compared, unrecorded = replayed(there, "varied", 2)
    change(there, statement)
    assert replayed(there, "varied", 2) == (lost, compared, unrecorded)


def test_a_hyperparameter_that_was_not_recorded_is_its_default(there):
    # Of version 0.1's `halfway`, both are the defaults in every trial.
    _, compared, unrecorded = replayed(there, "halfway", 3)
    nothing = "dropout = NULL, initialization = NULL"
    change(there, f"UPDATE results SET {nothing} WHERE study = 'halfway'")
    assert replayed(there, "halfway", 3) == (0, compared - 2, unrecorded + 2)
    ran = there.run("resume", "halfway", "--ray", "serial", "--trials", "7")
    assert ran.code == 0, ran.err
    assert "dropout" not in ran.out
    reported = there.run("report", "halfway", "--output", "page.md")
    assert reported.code == 0, reported.err
    assert "dropout: 0.0" in (there.folder / "page.md").read_text()


def test_a_hyperparameter_that_was_not_the_default_is_missed(there):
    change(there, f"UPDATE results SET depth = NULL WHERE {of('halfway', 3)}")
    differ, _, _ = replayed(there, "halfway", 3)
    assert differ > 0
