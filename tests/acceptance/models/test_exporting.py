"""study export: an ensemble is trained again, compared, and written."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from study import InvalidInput, StudySpec, export_model, launch, load_model, load_replicates
from tests.acceptance.models.people import PEOPLE, TRIALS, people, storage_of


def change(study, statement):
    with closing(sqlite3.connect(study.folder / "study.db")) as database, database:
        database.execute(statement)


def test_every_topology_is_exported_with_the_accuracy_that_was_recorded(there):
    recorded = load_replicates("people", storage_of(there)).set_index(["trial", "replicate"])
    for trial in range(TRIALS):
        replicate = trial % 2
        directory = f"m{trial}"
        ran = there.run(
            "export", "people", str(trial), "--output", directory, "--replicate", str(replicate)
        )
        assert ran.code == 0, ran.err
        assert ran.out == ""
        assert "bit for bit" in ran.err
        assert sorted(p.name for p in (there.folder / directory).iterdir()) == [
            "model.json",
            "weights.safetensors",
        ]
        provenance = json.loads((there.folder / directory / "model.json").read_text())["provenance"]
        row = recorded.loc[(trial, replicate)]
        assert (provenance["study"], provenance["trial"], provenance["replicate"]) == (
            "people",
            trial,
            replicate,
        )
        for side in ("train", "validation", "test"):
            assert provenance["recorded"][f"{side}_accuracy"] == row[f"{side}_accuracy"]
        assert f"test accuracy {row['test_accuracy']:.4f}" in ran.err


def test_a_refit_says_that_its_accuracy_was_not_measured(there):
    ran = there.run("export", "people", "1", "--output", "refit", "--refit")
    assert ran.code == 0, ran.err
    assert "its accuracy was not measured" in ran.err
    assert "test accuracy" not in ran.err
    description = json.loads((there.folder / "refit" / "model.json").read_text())
    provenance = description["provenance"]
    assert provenance["refit"] is True
    assert provenance["recorded"] is None
    assert provenance["replayed"] is None
    row = load_replicates("people", storage_of(there)).set_index(["trial", "replicate"]).loc[(1, 0)]
    both = row["train_examples"] + row["validation_examples"]
    assert provenance["training_examples"] == both == sum(description["class_counts"])
    again = there.run("export", "people", "1", "--output", "again", "--refit")
    assert again.code == 0
    weights = [(there.folder / n / "weights.safetensors").read_bytes() for n in ("refit", "again")]
    assert weights[0] == weights[1]
    measured = there.run("export", "people", "1", "--output", "measured")
    assert measured.code == 0
    assert (there.folder / "measured" / "weights.safetensors").read_bytes() != weights[0]


REFUSED_EXPORTS = {
    "an unknown trial": (["people", "99", "--output", "m"], "trial 99"),
    "an unknown study": (["peple", "0", "--output", "m"], "people"),
    "an unknown replicate": (["people", "0", "--output", "m", "--replicate", "2"], "has 0 to 1"),
    "a negative replicate": (["people", "0", "--output", "m", "--replicate", "-1"], "has 0 to 1"),
    "no output": (["people", "0"], "'--output'"),
    "a file as output": (["people", "0", "--output", "study.db"], "is no folder"),
    "a file as the output's folder": (["people", "0", "--output", "study.db/m"], "study.db is not"),
}


@pytest.mark.parametrize("mistake", REFUSED_EXPORTS)
def test_exports_that_are_refused(there, refused, mistake):
    arguments, expected = REFUSED_EXPORTS[mistake]
    assert expected in refused("export", *arguments)


def test_a_trial_that_is_not_complete_is_refused(there, refused):
    change(there, "UPDATE results SET state = 'PRUNED' WHERE trial = 2")
    line = refused("export", "people", "2", "--output", "m")
    assert "trial 2 of study 'people' is PRUNED" in line


def test_data_that_changed_are_refused(study, refused):
    people(90).to_csv(study.folder / "people.csv", index=False)
    study.write("people.yaml", PEOPLE)
    ran = study.run("launch", "people.yaml", "--ray", "serial", "--trials", "1")
    assert ran.code == 0, ran.err
    people(93).to_csv(study.folder / "people.csv", index=False)
    assert "have changed" in refused("export", "people", "0", "--output", "m")


def test_a_model_is_replaced_by_force_only_and_other_files_never(model, refused):
    before = (model.folder / "model" / "model.json").read_bytes()
    assert "--force" in refused("export", "people", "1", "--output", "model")
    assert (model.folder / "model" / "model.json").read_bytes() == before
    ran = model.run("export", "people", "1", "--output", "model", "--force")
    assert ran.code == 0, ran.err
    assert load_model(model.folder / "model").description.provenance.trial == 1
    model.write("model/notes.txt", "mine")
    assert "other files" in refused("export", "people", "0", "--output", "model", "--force")
    assert sorted(p.name for p in model.folder.iterdir()) == ["model", "study.db"]
    empty = model.folder / "deep" / "empty"
    empty.mkdir(parents=True)
    assert model.run("export", "people", "0", "--output", str(empty)).code == 0
    assert load_model(empty).description.provenance.trial == 0


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE results SET fingerprint = 'elsewhere'", None),
        ("UPDATE replicates SET test_accuracy = test_accuracy + 1e-9", "compared bit for bit"),
        (
            "UPDATE results SET fingerprint = 'elsewhere', test_accuracy = test_accuracy - 0.2",
            "compared within 0.05; first test_accuracy of results",
        ),
    ],
)
def test_what_does_not_come_out_as_recorded_is_not_exported(there, statement, expected):
    change(there, statement)
    ran = there.run("export", "people", "0", "--output", "m")
    if expected is None:
        assert ran.code == 0
        assert "compared within 0.05" in ran.err
        return
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "did not come out as recorded" in ran.err
    assert expected in ran.err
    assert [p.name for p in there.folder.iterdir()] == ["study.db"], "nothing is half-written"


def test_a_study_of_arrays_is_exported_from_python(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    X = rng.normal(size=(120, 4)) + 3 * y[:, None]
    spec = StudySpec.model_validate(
        {
            "name": "arrays",
            "data": {"source": "arrays"},
            "search": {"ensemble_size": 2, "learning_rate": 0.02},
            "training": {"epochs": 10, "replicates": 1},
            "budget": {"trials": 1},
        }
    )
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    launch(spec, data=(X, y), storage=storage, ray="serial")
    with pytest.raises(InvalidInput, match="there is no built-in data set 'arrays'"):
        export_model("arrays", 0, storage, tmp_path / "model")
    exported = export_model("arrays", 0, storage, tmp_path / "model", data=(X, y))
    assert exported.test_accuracy == load_replicates("arrays", storage)["test_accuracy"][0]
    loaded = load_model(exported.directory)
    predicted = loaded.predict(pd.DataFrame(X, columns=["x0", "x1", "x2", "x3"]))
    assert predicted.dtype.kind == "i"
    assert (predicted == y).mean() > 0.9
    np.savez(tmp_path / "new.npz", X=X, target=y)
    with pytest.raises(InvalidInput, match="column 'x0' is missing"):
        loaded.predict(pd.DataFrame(X))
