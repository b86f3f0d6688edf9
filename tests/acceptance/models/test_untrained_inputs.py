"""An input that was constant in training: nothing to a new study, to an earlier one what it was."""

import io
import json
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

SPECIFICATION = """\
name: constant
data: {source: rows.csv, target: y, split: part}
search: {depth: 1, width: 16, learning_rate: 0.01}
training: {epochs: 5, replicates: 1}
sampler: grid
"""


@pytest.fixture
def rows(study):
    """Rows of which, in validation and test alone, `later` is missing and `fixed` varies; and the
    command."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 4)), columns=["a", "b", "later", "fixed"])
    frame["part"] = rng.choice(["train", "validation", "test"], 300, p=[0.5, 0.2, 0.3])
    frame["y"] = np.where(frame["a"] + frame["b"] > 0, "yes", "no")
    test = frame["part"] == "test"
    train = frame["part"] == "train"
    frame.loc[~train, "later"] = np.nan
    frame.loc[train, "fixed"] = 3.0
    frame.to_csv(study.folder / "rows.csv", index=False)
    frame[test].to_csv(study.folder / "test.csv", index=False)
    # What networks see of the same rows without the inputs that were never trained.
    fill = frame.loc[train, "later"].mean()
    frame[test].assign(later=fill, fixed=3.0).to_csv(study.folder / "plain.csv", index=False)
    study.write("constant.yaml", SPECIFICATION)
    return study


def run(rows, *arguments):
    ran = rows.run(*arguments)
    assert ran.code == 0, ran.err
    return ran


def exported_features(rows):
    run(rows, "export", "constant", "0", "--output", "model", "--force")
    found = json.loads((rows.folder / "model" / "model.json").read_text())["features"]
    return {feature.pop("name"): feature for feature in found}


def predicted(rows, name):
    return pd.read_csv(io.StringIO(run(rows, "predict", "model", name).out))


def recorded_test_accuracy(rows):
    output = run(rows, "results", "constant", "--format", "csv").out
    return pd.read_csv(io.StringIO(output))["test_accuracy"][0]


def test_it_counts_for_nothing_in_training_in_figures_and_in_predictions(rows):
    run(rows, "launch", "constant.yaml", "--ray", "serial")
    features = exported_features(rows)
    assert features["later"]["missing_indicator"]
    assert not features["later"]["indicator_trained"]
    assert not features["fixed"]["trained"]
    assert "trained" not in features["a"], "what earlier versions can read is left as it was"
    found = predicted(rows, "test.csv")
    truth = pd.read_csv(rows.folder / "test.csv")["y"]
    assert (found["predicted"] == truth).mean() == pytest.approx(recorded_test_accuracy(rows))
    pd.testing.assert_frame_equal(found, predicted(rows, "plain.csv"), atol=1e-5)
    weights = load_file(rows.folder / "model" / "weights.safetensors")["members.0.hidden.1.weight"]
    read = (weights != 0).all(axis=1).tolist()  # a, b, later, fixed, and whether later is missing
    assert read == [True, True, True, False, False]
    said = rows.run("predict", "model", "test.csv").err
    assert "column 'later': " in said
    assert "column 'fixed': it was always 3 in training, and counts for nothing" in said
    assert "'fixed'" not in rows.run("predict", "model", "plain.csv").err


def test_a_study_from_before_keeps_it_when_it_goes_on_is_replayed_or_exported(rows):
    kept = ("--set", "data.untrained_inputs=kept", "--set", "data.rules=1")
    run(rows, "launch", "constant.yaml", "--ray", "serial", *kept)
    with closing(sqlite3.connect(rows.folder / "study.db")) as database, database:
        ((text,),) = database.execute("SELECT specification FROM study_runs").fetchall()
        document = json.loads(text)
        assert document["data"].pop("untrained_inputs") == "kept"
        assert (document["data"].pop("rules"), document["data"].pop("columns")) == (1, None)
        database.execute("UPDATE study_runs SET specification = ?", [json.dumps(document)])
    assert "0 of " in run(rows, "replay", "constant", "0").err
    assert "nothing to do" in run(rows, "launch", "constant.yaml", "--ray", "serial").err
    features = exported_features(rows)
    assert all("trained" not in f and "indicator_trained" not in f for f in features.values())
    with pytest.raises(AssertionError):
        pd.testing.assert_frame_equal(
            predicted(rows, "test.csv"), predicted(rows, "plain.csv"), atol=0.01
        )
    zero = ("--set", "data.untrained_inputs=zero")
    refused = rows.run("launch", "constant.yaml", "--ray", "serial", *zero)
    assert refused.code == 2
    assert "begun with data.untrained_inputs = kept, found zero" in refused.err
