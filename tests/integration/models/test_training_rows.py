"""A model reads the table that it was trained on as its training did."""

import numpy as np
import pandas as pd
import pytest

from study import export_model, launch, load_model, load_replicates
from study.errors import InvalidInput
from study.specification.files import validated
from workers.data import DataSource, load_dataset, split_dataset

ROWS = 240


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A table with a column of every kind, and a model that was trained on it."""
    folder = tmp_path_factory.mktemp("training-rows")
    rng = np.random.default_rng(0)
    ill = rng.random(ROWS) < 0.5
    frame = pd.DataFrame(
        {
            "id": [f"P{i}" for i in range(ROWS)],
            "age": rng.integers(20, 80, ROWS).astype(str).astype(object),
            "dose": np.where(rng.random(ROWS) < 0.1, -999, rng.normal(size=ROWS).round(3)),
            "smoker": np.where(rng.random(ROWS) < 0.7, ill, ~ill).astype(str).astype(object),
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, ROWS), "D"),
            "town": [f"T{i}" for i in rng.integers(0, 30, ROWS)],
            "outcome": np.where(ill, "None", "NA"),
        }
    )
    frame.loc[3, "age"], frame.loc[4, "age"] = "?", "not told"
    frame.loc[::9, "smoker"] = None
    path = folder / "patients.csv"
    frame.to_csv(path, index=False)
    document = {
        "name": "patients",
        "data": {"source": str(path), "target": "outcome", "max_levels": 12,
                 "missing_values": [-999]},
        "search": {"depth": [1, 2], "learning_rate": 0.02},
        "training": {"epochs": 10, "replicates": 2},
        "sampler": "grid",
    }  # fmt: skip
    storage = f"sqlite:///{folder / 'study.db'}"
    spec = validated(document, "patients")
    launch(spec, storage=storage, cluster="serial")
    export_model("patients", 1, storage, folder / "model", replicate=1)
    dataset = load_dataset(
        DataSource(str(path), target="outcome", max_levels=12, missing_values=("-999",))
    )
    recorded = load_replicates("patients", storage)
    own = recorded[(recorded["trial"] == 1) & (recorded["replicate"] == 1)].iloc[0]
    return path, load_model(folder / "model"), split_dataset(dataset, spec.seed, 1), own


@pytest.mark.parametrize("side", ["train", "validation", "test"])
def test_predicting_the_rows_of_a_side_gives_the_accuracy_that_was_recorded(trained, side):
    path, model, split, recorded = trained
    frame = pd.read_csv(path, keep_default_na=False)
    rows = frame.iloc[getattr(split, side)]
    right = model.predict(rows).to_numpy() == rows["outcome"].to_numpy()
    assert right.mean() == pytest.approx(recorded[f"{side}_accuracy"], abs=1e-12)


def test_a_row_alone_is_predicted_as_among_all(trained):
    path, model, *_ = trained
    frame = pd.read_csv(path, keep_default_na=False)
    whole = model.predict_proba(frame)
    for row in (0, 3, 4, 9):
        alone = model.predict_proba(frame.iloc[[row]])
        assert np.abs(alone - whole.iloc[[row]]).to_numpy().max() < 1e-6


def test_a_model_shows_itself_in_a_line(trained):
    _, model, *_ = trained
    assert repr(model) == (
        "<Model: trial 1 of study 'patients', 1 network, 5 features, 'outcome' of 2 classes>"
    )


def test_what_a_model_does_not_know_is_said_in_python_as_well(trained):
    path, model, *_ = trained
    frame = pd.read_csv(path, keep_default_na=False).assign(more=1, smoker="no word")
    with pytest.raises(InvalidInput, match="'smoker': found 'no word' in row 1"):
        model.predict(frame)
    with pytest.warns(UserWarning, match="column more not trained on, and not looked at"):
        model.predict(frame.assign(smoker=None))
