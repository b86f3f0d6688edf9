"""The specification: what it accepts, and how it refuses."""

import re
from pathlib import Path

import pytest

from study.errors import InvalidInput
from study.specification.dimensions import Range
from study.specification.files import read_specification
from study.specification.space import baseline_parameters
from study.specification.spec import Objective, StudySpec, identity


def refusal(*overrides: str, source: str = "digits") -> str:
    with pytest.raises(InvalidInput) as refused:
        read_specification(source, overrides=overrides)
    line = str(refused.value)
    assert "\n" not in line
    return line


def test_the_built_in_study_searches_what_the_readme_says():
    spec = read_specification("digits")
    assert spec.name == "digits"
    assert spec.objective == (Objective.VALIDATION_ACCURACY,)
    assert spec.dimensions()["depth"] == Range(low=1, high=8)
    assert spec.dimensions()["width"] == (16, 32, 64)
    assert spec.dimensions()["train_fraction"] == 1.0


def test_a_specification_survives_being_written_as_json():
    spec = read_specification("digits")
    again = StudySpec.model_validate(spec.document())
    assert again == spec
    assert again.sha256() == spec.sha256()


def test_name_and_seed_given_apart_replace_the_fields():
    spec = read_specification("digits", name="mine", seed=7)
    assert (spec.name, spec.seed) == ("mine", 7)


def test_overrides_reach_any_field_and_read_numbers_as_people_write_them():
    spec = read_specification(
        "digits", overrides=["search.learning_rate=1e-3", "training.early_stopping={patience: 5}"]
    )
    assert spec.search.learning_rate == 1e-3
    assert spec.dimensions()["early_stopping_patience"] == 5


def test_a_search_takes_over_what_training_fixes():
    spec = read_specification("digits", overrides=["search.optimizer=[adam, sgd]"])
    assert spec.dimensions()["optimizer"] == ("adam", "sgd")


def test_paths_in_a_file_are_relative_to_the_file(tmp_path: Path):
    folder = tmp_path / "studies"
    folder.mkdir()
    file = folder / "mine.yaml"
    file.write_text("name: mine\ndata: {source: ../rows.csv, target: y}\n")
    spec = read_specification(str(file))
    assert spec.data.source == str(tmp_path / "rows.csv")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("search.depht=3", r"search: unknown key 'depht'; did you mean 'depth'\?"),
        ("serach={}", r"unknown key 'serach'; did you mean 'search'\?"),
        ("search.depth=deep", r"search.depth: found 'deep'; give a whole number"),
        ("search.depth=true", r"search.depth: found true; give a whole number"),
        ("search.depth=[]", r"search.depth: the choice is empty"),
        ("search.depth=[2, 2]", r"search.depth: 2 is listed twice"),
        ("search.depth={low: 9, high: 3}", r"search.depth: low is 9, above high, 3"),
        ("search.depth={low: 1, high: 8, step: 3}", r"search.depth: high, 8, is not reached"),
        ("search.depth=0", r"search.depth: found 0; give a value ≥ 1"),
        ("search.dropout={low: 0, high: 0.5, log: true}", r"search.dropout: low is 0.0 in a log"),
        ("search.learning_rate={low: 0, high: 1, log: true}", r"learning_rate.low: found 0; give"),
        ("search.learning_rate=.nan", r"search.learning_rate: found .nan; give a finite number"),
        ("search.dropout=1.0", r"search.dropout: found 1.0; give a value < 1"),
        ("search.activation=[relu, relo]", r"activation\[1\]: found 'relo'.*did you mean 'relu'"),
        ("search.activation={low: 1, high: 2}", r"search.activation: found .*a single level"),
        ("objective=test_accuracy", r"objective: found 'test_accuracy', a test quantity"),
        ("objective=generalization_gap", r"objective: found 'generalization_gap', a test quantity"),
        ("objective=[]", r"objective: the list is empty"),
        ("objective=accuracy", r"objective\[0\]: found 'accuracy'; give one of"),
        ("objective=[validation_loss, validation_loss]", r"objective: the same quantity"),
        ("pruner=medain", r"pruner: found 'medain'.*did you mean 'median'"),
        ("budget.trials=0", r"budget.trials: found 0; give a value ≥ 1"),
        ("training.epochs=3.5", r"training.epochs: found 3.5; give a whole number"),
        ("data=digits", r"data: found 'digits'; give a mapping"),
        ("data={}", r"data.source: is missing"),
        ("name=a/b", r"name: found 'a/b'; give a name without slashes"),
        ("seed=-1", r"seed: found -1; give a value ≥ 0"),
        ("search.depth={low: 1", r"--set .*is not a YAML value"),
        ("search.depth", r"--set search.depth: give field=value"),
        ("data.target=2024", r"data.target: found 2024; give text, in quotation marks"),
        ("data.target={a: 1, a: 2}", r"the key 'a' stands twice"),
    ],
)
def test_a_mistake_is_one_line_that_names_field_finding_and_remedy(override: str, expected: str):
    assert re.search(expected, refusal(override))


def test_a_pruner_with_several_objectives_is_refused():
    line = refusal("pruner=median", "objective=[validation_accuracy, validation_gap]")
    assert "pruner 'median' needs a single objective" in line


def test_several_mistakes_are_counted():
    assert refusal("search.depth=0", "search.width=0").endswith("(and 1 more)")


def test_an_unknown_study_is_answered_with_the_nearest_one():
    assert "did you mean 'digits'?" in refusal(source="digit")


def test_a_missing_file_is_named():
    assert "nowhere.yaml: there is no such file" in refusal(source="nowhere.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: [", "line 1 is not a YAML specification"),
        ("- 1\n", "give a mapping"),
        ("!!python/object/apply:os.system [true]\n", "is not a YAML specification"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str, expected: str):
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    assert expected in refusal(source=str(file))


def test_only_the_budget_and_where_files_lie_are_not_part_of_a_search():
    spec = read_specification("digits").document()
    for path, value in [("budget", {"trials": 5, "hours": None}), ("name", "other")]:
        assert identity({**spec, path: value}) == identity(spec)
    moved = {**spec, "data": {**spec["data"], "source": "/elsewhere.csv"}}
    assert identity(moved) == identity(spec)
    assert identity({**spec, "seed": 1}) != identity(spec)


@pytest.mark.parametrize(
    ("written", "columns"),
    [("", ("b",)), ("drop:", ("b",)), ("drop: a", ("a", "b")), ("drop: [a, c]", ("a", "c", "b"))],
)
def test_columns_to_drop_come_beside_those_that_the_file_drops(tmp_path: Path, written, columns):
    file = tmp_path / "mine.yaml"
    file.write_text(f"name: mine\ndata:\n  source: wine\n  {written}\n")
    assert read_specification(str(file), drop=["b"]).data.drop == columns


@pytest.mark.parametrize("written", ["5", "false", "{a: 1}"])
def test_a_wrong_list_of_columns_to_drop_is_refused_beside_others(tmp_path: Path, written):
    file = tmp_path / "mine.yaml"
    file.write_text(f"name: mine\ndata: {{source: wine, drop: {written}}}\n")
    with pytest.raises(InvalidInput, match=r"data.drop: found .*; give a list"):
        read_specification(str(file), drop=["b"])


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "\n\n"])
def test_a_file_without_a_value_is_called_empty(tmp_path: Path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match="is empty; give a mapping of fields to values"):
        read_specification(str(file))


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("search=", "search: found null; give a mapping"),
        ("training.epochs=[true, null]", "training.epochs: found [true, null]; give a whole"),
        ("name={a: false}", "name: found {a: false}; give text"),
        ("data.true=1", "data: unknown key 'true'"),
        ("search.early_stopping_patience=[null, null]", "null is listed twice"),
        ("baseline=[{early_stopping_patience: 3}]", "early_stopping_patience is null in every"),
        ("baseline=[{ensemble_size: true}]", "true is no number"),
    ],
)
def test_values_are_shown_as_yaml_has_them(override, expected):
    with pytest.raises(InvalidInput) as refused:
        baseline_parameters(read_specification("digits", overrides=[override]))
    assert expected in str(refused.value)


def test_a_sha256_is_the_same_in_capitals():
    spec = read_specification("digits", overrides=[f"data.sha256={'AB' * 32}"])
    assert spec.data.sha256 == "ab" * 32


def test_json_is_read_however_it_is_indented(tmp_path: Path):
    file = tmp_path / "mine.json"
    file.write_text('{\n\t"name": "mine",\n\t"data":\t{"source": "wine"}\n}\n')
    assert read_specification(str(file)).name == "mine"
    file.write_text('{\n\t"name": "mine",\n\t"name":\t"yours"\n}\n')
    with pytest.raises(InvalidInput, match=r"line 3 .*'name' stands twice, first in line 2"):
        read_specification(str(file))
