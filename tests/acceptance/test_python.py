"""The product from Python, as in a notebook."""

import warnings
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

from study import (
    InvalidInput,
    StudySpec,
    confirm,
    export_model,
    launch,
    load_members,
    load_model,
    load_replicates,
    load_results,
)
from study.launching.control import control
from study.launching.replay import replay
from study.report.writing import write_report


def spec(name: str = "arrays", **changes: object) -> StudySpec:
    return StudySpec.model_validate(
        {
            "name": name,
            "data": {"source": "arrays"},
            "search": {
                "depth": [1, 2],
                "activation": "relu",
                "ensemble_size": 2,
                "learning_rate": 0.02,
            },
            "training": {"epochs": 30, "replicates": 2},
            "sampler": "grid",
            **changes,
        }
    )


def two_clouds(examples: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(examples) % 2
    return rng.normal(size=(examples, 5)) + 3 * labels[:, None], labels


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def test_a_study_of_arrays_in_memory(storage):
    outcome = launch(spec(), data=two_clouds(), storage=storage, ray="serial")
    assert (outcome.complete, outcome.failed) == (2, 0)
    results = outcome.results()
    assert results["test_accuracy"].min() > 0.9
    assert isinstance(results["activation"].dtype, pd.CategoricalDtype)
    assert str(results["finished_at"].dt.tz) == "UTC"
    assert len(load_replicates("arrays", storage)) == 4
    assert len(load_members("arrays", storage)) == 8
    assert load_results("arrays", storage).equals(results)


def test_a_study_of_arrays_in_memory_is_confirmed_on_the_same_arrays(storage):
    launch(spec(), data=two_clouds(), storage=storage, ray="serial")
    with pytest.raises(InvalidInput, match="the data of study 'arrays' have changed"):
        confirm("arrays", data=two_clouds(122), storage=storage, cluster="serial")
    outcome = confirm("arrays", [1], data=two_clouds(), storage=storage, cluster="serial")
    assert outcome.trials == (1,)
    fresh = load_replicates("arrays", storage, purpose="confirmation")
    assert fresh["replicate"].tolist() == list(range(2, 12))
    assert fresh["test_accuracy"].min() > 0.9


def test_the_same_study_with_other_arrays_is_refused(storage):
    launch(spec(), data=two_clouds(), storage=storage, ray="serial")
    with pytest.raises(InvalidInput, match="was begun with other data"):
        launch(spec(), data=two_clouds(122), storage=storage, ray="serial")


@pytest.mark.parametrize("field", ["group", "split", "test", "target"])
def test_what_only_a_file_can_tell_is_refused_beside_arrays(storage, tmp_path, field):
    asked = spec(data={"source": "arrays", field: "other"})
    with pytest.raises(InvalidInput, match=rf"data.{field}: found 'other', but data in memory"):
        launch(asked, data=two_clouds(), storage=storage, ray="serial")
    assert not list(tmp_path.iterdir())


def test_arrays_that_cannot_be_learned_from_are_refused(storage):
    features, labels = two_clouds()
    with pytest.raises(InvalidInput, match=r"must be numbers \[examples, features\], not \[120\]"):
        launch(spec(), data=(features[:, 0], labels), storage=storage, ray="serial")
    with pytest.raises(InvalidInput, match="120 examples need as many labels"):
        launch(spec(), data=(features, labels[1:]), storage=storage, ray="serial")


def test_a_test_file_of_its_own_is_what_is_tested(storage, tmp_path):
    features, labels = two_clouds()
    frame = pd.DataFrame(features, columns=list("abcde")).assign(y=labels)
    frame[:90].to_csv(tmp_path / "train.csv", index=False)
    frame[90:].to_csv(tmp_path / "test.csv", index=False)
    source = {
        "source": str(tmp_path / "train.csv"),
        "target": "y",
        "test": str(tmp_path / "test.csv"),
    }
    launch(spec(data=source), storage=storage, ray="serial")
    assert set(load_replicates("arrays", storage)["test_examples"]) == {30}


def test_groups_are_never_torn_apart(storage, tmp_path):
    features, labels = two_clouds()
    frame = pd.DataFrame(features, columns=list("abcde")).assign(y=labels)
    frame["patient"] = np.arange(120) // 6
    frame.to_parquet(tmp_path / "rows.parquet")
    source = {"source": str(tmp_path / "rows.parquet"), "target": "y", "group": "patient"}
    launch(spec(data=source), storage=storage, ray="serial")
    sizes = load_replicates("arrays", storage)[["validation_examples", "test_examples"]]
    assert (sizes % 6 == 0).all().all()


def test_hours_are_a_budget_over_all_launches(storage):
    short = spec(budget={"hours": 1e-6}, sampler="random")
    first = launch(short, data=two_clouds(), storage=storage, ray="serial")
    assert first.ending is not None
    again = launch(short, data=two_clouds(), storage=storage, ray="serial")
    assert again.ending is None


def test_label_noise_lowers_train_accuracy_against_clean_labels_and_is_recorded(storage):
    noisy = spec(data={"source": "arrays", "label_noise": 0.2})
    results = launch(noisy, data=two_clouds(), storage=storage, ray="serial").results()
    assert (results["train_accuracy_clean"] > results["train_accuracy"]).all()


def test_a_study_of_a_mapping_and_of_a_file(storage, tmp_path):
    document = spec().model_dump(mode="json")
    assert launch(document, data=two_clouds(), storage=storage, ray="serial").complete == 2
    file = tmp_path / "of a file.yaml"
    file.write_text("name: file\ndata: {source: wine}\nsearch: {depth: [1]}\nsampler: grid\n")
    assert launch(file, storage=storage, ray="serial").study == "file"
    assert launch(str(file), storage=storage, ray="serial").ending is None
    with pytest.raises(InvalidInput, match="did you mean 'sampler'"):
        launch({**document, "smapler": "grid"}, storage=storage)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"spec": 3}, "spec: found a int; give a StudySpec, a mapping"),
        ({"storage": Path("study.db")}, "storage: found a .*Path; give the URL"),
        ({"cluster": 4}, "cluster: found a int"),
        ({"progress": "bar"}, "progress: found a str; give True, False or None"),
    ],
)
def test_an_argument_of_another_type_is_a_type_error(given, said, storage):
    with pytest.raises(TypeError, match=said):
        launch(**{"spec": spec(), "storage": storage, **given})


def test_progress_is_shown_where_asked_for_and_on_a_terminal(storage, capsys, monkeypatch):
    def shown(name, **options):
        launch(spec(name), data=two_clouds(), storage=storage, ray="serial", **options)
        return "2/2 trials done" in capsys.readouterr().err

    assert not shown("pipe")
    assert shown("asked", progress=True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert shown("terminal")
    assert not shown("silent", progress=False)


def test_numpy_s_errors_of_the_caller_end_neither_study_nor_report_nor_prediction(
    storage, tmp_path
):
    with np.errstate(all="raise"):
        before = np.geterr()
        for sampler in ("tpe", "gp"):
            search = {"learning_rate": {"low": 1e-4, "high": 0.5, "log": True}}
            changes = {"sampler": sampler, "search": search, "budget": {"trials": 14}}
            searched = spec(sampler, **changes, training={"epochs": 1, "replicates": 2})
            launch(searched, data=two_clouds(), storage=storage, ray="serial")
        write_report("tpe", storage, None, None, tmp_path / "report.html")
        export_model("tpe", 0, storage, tmp_path / "model", data=two_clouds())
        model = load_model(tmp_path / "model")
        with warnings.catch_warnings(record=True, action="always") as said:
            model.predict(pd.DataFrame(1e300 * two_clouds()[0], columns=list(model.features)))
        assert any("beyond ±3.4e38" in str(one.message) for one in said)
        model.predict(pd.DataFrame(1e37 * two_clouds()[0], columns=list(model.features)))
        load_results("gp", storage)
        assert np.geterr() == before


def test_optuna_is_as_talkative_after_a_study_as_before(storage):
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    try:
        for sampler, pruner in (("nsga2", "none"), ("cmaes", "none"), ("random", "median")):
            search = {"dropout": {"low": 0.0, "high": 0.5}}
            changes = {"sampler": sampler, "pruner": pruner, "search": search}
            changes["budget"] = {"trials": 2}
            launch(spec(sampler, **changes), data=two_clouds(), storage=storage, ray="serial")
            assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    finally:
        optuna.logging.set_verbosity(optuna.logging.INFO)


X, Y = two_clouds(8)
NO_PAIRS = {
    "features alone": (X,),
    "three things": (X, Y, Y),
    "a frame": pd.DataFrame({"a": [1, 2], "b": [0, 1]}),
    "a word": "Xy",
    "a mapping": {"X": X, "y": Y},
    "an array of two rows": np.zeros((2, 8)),
    "labels in two columns": (X, pd.DataFrame({"a": Y, "b": Y})),
    "labels that are a word": (X, "labels"),
    "labels that are none": (X, None),
}


@pytest.mark.parametrize("what", NO_PAIRS)
def test_data_that_are_no_features_and_labels_are_refused_first(tmp_path, what):
    given, storage = NO_PAIRS[what], f"sqlite:///{tmp_path}/absent.db"
    calls = [
        lambda: launch("nowhere.yaml", data=given, storage=storage),
        lambda: confirm("absent", data=given, storage=storage),
        lambda: replay("absent", 0, storage, data=given),
        lambda: control("absent", storage, data=given),
        lambda: export_model("absent", 0, storage, tmp_path / "model", data=given),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=r"^data: give \(features, labels\): "):
            call()


def test_labels_in_a_frame_of_one_column_are_labels(storage):
    features, labels = two_clouds()
    data = (pd.DataFrame(features), pd.DataFrame({"y": labels}))
    assert launch(spec(), data=data, storage=storage, ray="serial").complete == 2


def test_a_mapping_may_have_what_python_programs_have(tmp_path, storage):
    features, labels = two_clouds()
    rows = tmp_path / "rows.csv"
    pd.DataFrame({"a": features[:, 0], "target": labels}).to_csv(rows, index=False)
    given = {
        "name": "python",
        "seed": np.int64(3),
        "data": {"source": rows, "test_fraction": np.float32(0.25)},
        "search": {"depth": range(1, 3), "width": np.array([4, 8]), "dropout": np.float64(0.0)},
        "training": {"epochs": np.int32(2), "replicates": 2},
        "sampler": "grid",
    }
    assert launch(given, storage=storage, ray="serial").complete == 4


def test_a_range_that_is_longer_than_a_specification_is_refused(storage):
    given = spec().document() | {"search": {"depth": range(10**30)}}
    with pytest.raises(InvalidInput, match=r"search.depth: found range\(0, 10+\); give a"):
        launch(given, storage=storage, ray="serial")
