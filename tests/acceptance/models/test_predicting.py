"""study predict and load_model: what an exported ensemble says of examples."""

import io
import json
import re
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from study import InvalidInput, load_model, load_replicates
from tests.acceptance.models.people import people, storage_of


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


REFUSED_ROWS = {
    "a missing column": (lambda f: f.drop(columns="age"), "column 'age' is missing"),
    "a misspelt column": (lambda f: f.rename(columns={"age": "Age"}), "did you mean 'Age'?"),
    "text among numbers": (
        lambda f: f.assign(age=[*f["age"][:4], "old", *f["age"][5:]]),
        "column 'age': found 'old' in row 5; it is read as numbers",
    ),
    "a column twice": (lambda f: pd.concat([f, f[["age"]]], axis=1), "2 columns are called 'age'"),
    "dates": (lambda f: f.assign(age=pd.Timestamp("2026-01-01")), "'age' holds dates"),
}


@pytest.mark.parametrize("mistake", REFUSED_ROWS)
def test_rows_that_are_refused(finished, mistake):
    alter, expected = REFUSED_ROWS[mistake]
    with pytest.raises(InvalidInput, match=re.escape(expected)):
        load_model(finished / "model").predict(alter(people(9)))


def test_files_and_formats_that_are_refused(model, refused):
    people(9).to_csv(model.folder / "new.csv", index=False)
    people(9).rename(columns={"age": "agee"}).to_csv(model.folder / "wrong.csv", index=False)
    assert "column 'age' is missing; did you mean 'agee'?" in refused(
        "predict", "model", "wrong.csv", "--output", "out.csv"
    )
    assert not (model.folder / "out.csv").exists()
    assert "no column 'name'" in refused("predict", "model", "new.csv", "--keep", "name")
    people(9)[:0].to_csv(model.folder / "empty.csv", index=False)
    assert "holds no examples" in refused("predict", "model", "empty.csv")
    assert "no file nowhere.csv" in refused("predict", "model", "nowhere.csv")
    model.write("new.xlsx", "")
    assert "what is read ends in .csv, .csv.gz, .tsv" in refused("predict", "model", "new.xlsx")
    assert "found 'table'" in refused("predict", "model", "new.csv", "--format", "table")
    line = refused("predict", "model", "new.csv", "--output", "no/where.csv")
    assert "no/where.csv: cannot be written" in line


def test_other_columns_are_not_looked_at_and_can_be_kept(model):
    frame = people(9).assign(agee=1, id=[f"P{i}" for i in range(9)])
    frame.to_csv(model.folder / "more.csv", index=False)
    frame.drop(columns=["agee", "id"]).to_csv(model.folder / "fewer.csv", index=False)
    more = model.run("predict", "model", "more.csv", "--keep", "id,town")
    assert more.code == 0
    assert "more.csv: columns agee, id not trained on, and not looked at" in more.err
    kept = pd.read_csv(io.StringIO(more.out))
    assert list(kept)[:3] == ["id", "town", "predicted"]
    assert kept["id"].tolist() == frame["id"].tolist()
    fewer = pd.read_csv(io.StringIO(model.run("predict", "model", "fewer.csv").out))
    pd.testing.assert_frame_equal(kept.drop(columns=["id", "town"]), fewer)


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
