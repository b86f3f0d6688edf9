"""Trained ensembles leave the product: study export, study predict, load_model."""

import io
import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study import InvalidInput, StudySpec, export_model, launch, load_model, load_replicates
from tests.acceptance.conftest import CommandLine

TRIALS = 4
PEOPLE = """\
name: people
data: {source: people.csv, target: outcome, group: family}
search:
  topology: [feedforward, residual, split_merge, recurrent]
  depth: 2
  width: 9
  activation: [maxout]
  ensemble_size: 3
  learning_rate: 0.02
  early_stopping_patience: 2
training: {epochs: 12, replicates: 2, recurrent_cell: gated}
sampler: grid
"""


def people(rows=210):
    rng = np.random.default_rng(0)
    outcome = np.arange(rows) % 3
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, rows) + 8 * outcome,
            "town": rng.choice(["Oslo", "Rome", "Bern"], rows),
            "family": np.arange(rows) // 3,
            "code": rng.choice(["1", "2", "x"], rows),
            "income": rng.lognormal(3, 1, rows) * (1 + outcome),
            "outcome": np.array(["bad", "good", "so so"])[outcome],
        }
    )
    frame.loc[::7, "income"] = np.nan
    frame.loc[::11, "town"] = None
    return frame


@pytest.fixture(scope="module")
def finished(tmp_path_factory, forks):
    """A folder with a finished study of every topology, and trial 0 exported to `model`."""
    folder = tmp_path_factory.mktemp("people")
    people().to_csv(folder / "people.csv", index=False)
    (folder / "people.yaml").write_text(PEOPLE)
    here = CommandLine(folder, forks)
    launched = here.run("launch", "people.yaml", "--ray", "serial")
    assert launched.code == 0, launched.err
    exported = here.run("export", "people", "0", "--output", "model")
    assert exported.code == 0, exported.err
    return folder


@pytest.fixture
def there(study, finished):
    """The study `people` in the command's folder."""
    with (
        closing(sqlite3.connect(finished / "study.db")) as source,
        closing(sqlite3.connect(study.folder / "study.db")) as copy,
    ):
        source.backup(copy)
    return study


@pytest.fixture
def model(there, finished):
    """The study's folder with trial 0 exported to `model`."""
    shutil.copytree(finished / "model", there.folder / "model")
    return there


def change(study, statement):
    with closing(sqlite3.connect(study.folder / "study.db")) as database, database:
        database.execute(statement)


def storage_of(study):
    return f"sqlite:///{study.folder / 'study.db'}"


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


def test_on_its_own_test_examples_the_ensemble_has_the_recorded_test_accuracy(model, finished):
    recorded = load_replicates("people", storage_of(model)).set_index(["trial", "replicate"])
    row = recorded.loc[(0, 0)]
    with closing(sqlite3.connect(model.folder / "study.db")) as database:
        (packed,) = database.execute("SELECT test_index FROM splits WHERE replicate = 0").fetchone()
    test = np.frombuffer(packed, dtype="<u4")
    frame = pd.read_csv(finished / "people.csv", dtype={"code": str}).iloc[test]
    assert len(frame) == row["test_examples"]
    frame.to_csv(model.folder / "test.csv", index=False)
    ran = model.run("predict", "model", "test.csv")
    assert ran.code == 0, ran.err
    right = pd.read_csv(io.StringIO(ran.out))["predicted"].to_numpy() == frame["outcome"].to_numpy()
    assert right.mean() == row["test_accuracy"]
    assert np.packbits(right).tobytes() == row["test_correct"]
    assert f"accuracy {row['test_accuracy']:.4f} on the {len(frame)} examples" in ran.err


def test_files_of_every_kind_and_formats_of_every_kind_give_the_same(model):
    frame = people(60).drop(columns=["outcome", "family"])[["town", "income", "code", "age"]]
    frame.to_csv(model.folder / "new.csv", index=False)
    frame.to_parquet(model.folder / "new.parquet")
    ran = model.run("predict", "model", "new.csv")
    assert ran.code == 0
    assert ran.err == "", "there is no target to be right about"
    expected = pd.read_csv(io.StringIO(ran.out), dtype="str")
    names = ["predicted", "probability_bad", "probability_good", "probability_so so"]
    assert list(expected) == names
    assert model.run("predict", "model", "new.parquet").out == ran.out
    for name, style in (("a.csv", []), ("b.parquet", []), ("c.txt", ["--format", "json"])):
        assert model.run("predict", "model", "new.csv", "--output", name, *style).out == ""
    assert (model.folder / "a.csv").read_text() == ran.out
    parquet = pd.read_parquet(model.folder / "b.parquet")
    assert list(parquet["predicted"]) == list(expected["predicted"])
    np.testing.assert_allclose(parquet[names[1:]].sum(axis=1), 1, rtol=1e-6)
    records = json.loads((model.folder / "c.txt").read_text())
    assert [record["predicted"] for record in records] == list(expected["predicted"])


def test_python_gives_what_the_command_gives(model):
    frame = people(30)
    frame.to_csv(model.folder / "new.csv", index=False)
    printed = pd.read_csv(io.StringIO(model.run("predict", "model", "new.csv").out))
    loaded = load_model(model.folder / "model")
    assert loaded.labels == ("bad", "good", "so so")
    assert set(loaded.features) == {"age", "income", "town", "code"}
    frame.index = pd.RangeIndex(100, 130)
    predicted, probabilities = loaded.predict(frame), loaded.predict_proba(frame)
    assert predicted.tolist() == printed["predicted"].tolist()
    assert predicted.index.equals(frame.index)
    assert probabilities.index.equals(frame.index)
    assert list(probabilities.columns) == list(loaded.labels)
    np.testing.assert_allclose(probabilities, printed.iloc[:, 1:], rtol=1e-6)
    assert (probabilities.idxmax(axis=1) == predicted).all()


def test_categories_that_were_not_trained_on_count_as_missing_and_are_said(model):
    frame = people(12).drop(columns=["outcome", "family"])
    frame["town"] = None
    frame.to_csv(model.folder / "missing.csv", index=False)
    frame["town"] = "Atlantis"
    frame.to_csv(model.folder / "unseen.csv", index=False)
    unseen, missing = (model.run("predict", "model", f"{n}.csv") for n in ("unseen", "missing"))
    assert unseen.out == missing.out
    assert "column 'town': 12 of categories that were not trained on" in unseen.err
    assert "'Atlantis'" in unseen.err
    frame["age"] = np.nan
    frame.to_csv(model.folder / "ageless.csv", index=False)
    assert "column 'age': 12 missing" in model.run("predict", "model", "ageless.csv").err


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


REFUSED_ROWS = {
    "an unknown column": (lambda f: f.assign(agee=1), "unknown column 'agee'; did you mean 'age'?"),
    "a missing column": (lambda f: f.drop(columns="age"), "column 'age' is missing"),
    "a misspelt column": (lambda f: f.rename(columns={"age": "Age"}), "unknown column 'Age'"),
    "text among numbers": (
        lambda f: f.assign(age=[*f["age"][:4], "old", *f["age"][5:]]),
        "column 'age': found 'old' in example 5; the model was trained on numbers",
    ),
    "a column twice": (lambda f: pd.concat([f, f[["age"]]], axis=1), "'age' is there twice"),
    "dates": (lambda f: f.assign(age=pd.Timestamp("2026-01-01")), "'age' holds dates"),
}


@pytest.mark.parametrize("mistake", REFUSED_ROWS)
def test_rows_that_are_refused(finished, mistake):
    alter, expected = REFUSED_ROWS[mistake]
    with pytest.raises(InvalidInput, match=re.escape(expected)):
        load_model(finished / "model").predict(alter(people(9)))


def test_files_and_formats_that_are_refused(model, refused):
    people(9).to_csv(model.folder / "new.csv", index=False)
    people(9).assign(agee=1).to_csv(model.folder / "wrong.csv", index=False)
    assert "unknown column 'agee'" in refused(
        "predict", "model", "wrong.csv", "--output", "out.csv"
    )
    people(9)[:0].to_csv(model.folder / "empty.csv", index=False)
    assert "holds no examples" in refused("predict", "model", "empty.csv")
    assert "no file nowhere.csv" in refused("predict", "model", "nowhere.csv")
    model.write("new.xlsx", "")
    assert ".csv, .parquet or .npz" in refused("predict", "model", "new.xlsx")
    assert "found 'table'" in refused("predict", "model", "new.csv", "--format", "table")
    line = refused("predict", "model", "new.csv", "--output", "no/where.csv")
    assert "no/where.csv: cannot be written" in line


def edit(change):
    def damage(folder: Path):
        path = folder / "model.json"
        found = json.loads(path.read_text())
        change(found)
        path.write_text(json.dumps(found))

    return damage


def cut(folder: Path):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-4])


def flip(folder: Path):
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "cut weights": (cut, "weights.safetensors is damaged"),
    "a flipped bit": (flip, "weights.safetensors is damaged"),
    "no weights": (lambda f: (f / "weights.safetensors").unlink(), "there is no"),
    "no description": (lambda f: (f / "model.json").unlink(), "holds no model"),
    "a cut description": (
        lambda f: (f / "model.json").write_text((f / "model.json").read_text()[:500]),
        "model.json is damaged",
    ),
    "something else": (lambda f: (f / "model.json").write_text("[]"), "does not describe a model"),
    "a newer format": (edit(lambda d: d.update(format_version=2)), "format version 2"),
    "a lost field": (edit(lambda d: d["provenance"].pop("trial")), "provenance.trial"),
    "a lost hyperparameter": (edit(lambda d: d["configuration"].pop("depth")), "lacks 'depth'"),
    "another depth": (edit(lambda d: d["configuration"].update(depth=3)), "weights.safetensors"),
    "a lost member": (edit(lambda d: d["members"].pop()), "weights.safetensors"),
    "a lost column": (edit(lambda d: d["features"].pop()), "weights.safetensors"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_models_are_refused(finished, tmp_path, damage):
    apply, expected = DAMAGES[damage]
    shutil.copytree(finished / "model", tmp_path / "model")
    apply(tmp_path / "model")
    with pytest.raises(InvalidInput, match=re.escape(expected)) as refusal:
        load_model(tmp_path / "model")
    assert "\n" not in str(refusal.value)


def test_a_damaged_model_and_a_newer_one_end_the_command_with_one_line(model, refused):
    people(9).to_csv(model.folder / "new.csv", index=False)
    assert "holds no model" in refused("predict", "nowhere", "new.csv")
    edit(lambda d: d.update(format_version=2))(model.folder / "model")
    assert "format version 2" in refused("predict", "model", "new.csv")
    cut(model.folder / "model")
    edit(lambda d: d.update(format_version=1))(model.folder / "model")
    assert "weights.safetensors is damaged" in refused("predict", "model", "new.csv")


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


def test_an_npz_is_trained_on_and_predicted(study):
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2 == 0
    X = rng.normal(size=(120, 4)) + 3 * y[:, None]
    np.savez(study.folder / "mine.npz", X=X, y=y)
    study.write(
        "mine.yaml",
        "name: mine\ndata: {source: mine.npz}\nsearch: {learning_rate: 0.02}\n"
        "training: {epochs: 10, replicates: 1}\n",
    )
    launched = study.run("launch", "mine.yaml", "--ray", "serial", "--trials", "1")
    assert launched.code == 0, launched.err
    assert study.run("export", "mine", "0", "--output", "m").code == 0
    ran = study.run("predict", "m", "mine.npz")
    assert ran.code == 0, ran.err
    printed = pd.read_csv(io.StringIO(ran.out))
    assert list(printed) == ["predicted", "probability_False", "probability_True"]
    accuracy = (printed["predicted"] == y).mean()
    assert accuracy > 0.9
    assert f"accuracy {accuracy:.4f} on the 120 examples whose 'y'" in ran.err
