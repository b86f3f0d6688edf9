"""Bad input: one clear line, exit code 2, and nothing written."""

import pytest

SPECS = {
    "unknown key": ("serach: {}\n", "unknown key 'serach'; did you mean 'search'?"),
    "wrong type": ("search: {depth: deep}\n", "search.depth: found 'deep'; give a whole number"),
    "empty choice": ("search: {width: []}\n", "search.width: the choice is empty"),
    "low above high": ("search: {depth: {low: 5, high: 2}}\n", "low is 5, above high, 2"),
    "log from zero": (
        "search: {dropout: {low: 0, high: 0.5, log: true}}\n",
        "low is 0.0 in a log range",
    ),
    "a test quantity": ("objective: test_accuracy\n", "the test set never steers"),
    "a baseline outside": ("baseline: [{depth: 3}]\n", "baseline[0].depth: found 3"),
    "an endless grid": (
        "sampler: grid\nsearch: {dropout: {low: 0.0, high: 0.5}}\n",
        "search.dropout: a grid needs levels",
    ),
}
ROWS = {
    "missing target column": ("a,b\n1,2\n", "label"),
    "a class with too few examples": (
        "a,y\n" + "".join(f"{i},{'rare' if i < 2 else i % 2}\n" for i in range(40)),
        "'rare'",
    ),
    "a continuous target": ("a,y\n" + "".join(f"{i},{i / 7}\n" for i in range(40)), "continuous"),
}


@pytest.mark.parametrize("mistake", SPECS)
def test_a_wrong_specification(study, refused, mistake):
    text, expected = SPECS[mistake]
    study.write("wrong.yaml", "name: wrong\ndata: {source: wine}\n" + text)
    assert expected in refused("launch", "wrong.yaml")


@pytest.mark.parametrize("mistake", ROWS)
def test_unusable_data(study, refused, mistake):
    rows, expected = ROWS[mistake]
    study.write("rows.csv", rows)
    study.write("own.yaml", "name: own\ndata: {source: rows.csv, target: y}\n")
    line = refused("launch", "own.yaml")
    assert "data.target" in line
    if mistake != "missing target column":
        assert expected in line


@pytest.mark.parametrize(
    ("source", "expected"),
    [("nowhere.csv", "nowhere.csv"), ("digitz", "the nearest is 'digits'")],
)
def test_data_that_are_not_there(study, refused, source, expected):
    study.write("own.yaml", f"name: own\ndata: {{source: {source}}}\n")
    line = refused("launch", "own.yaml")
    assert "data.source" in line
    assert expected in line


def test_a_group_on_both_sides_of_a_fixed_test_set(study, refused):
    rows = "".join(
        f"{i},P{i // 3},{i % 2},{'test' if i % 3 == 2 else 'train'}\n" for i in range(60)
    )
    study.write("rows.csv", "a,patient,y,part\n" + rows)
    study.write(
        "own.yaml",
        "name: own\ndata: {source: rows.csv, target: y, group: patient, split: part}\n",
    )
    line = refused("launch", "own.yaml")
    assert "data.group: 20 of 20 groups have rows on both sides" in line
    assert "such as patient 'P0' in train and test" in line


def test_a_truth_table_needs_no_three_examples_of_a_class(study):
    study.write("xor.yaml", "name: xor\ndata: {source: xor}\ntraining: {epochs: 2}\n")
    ran = study.run("launch", "xor.yaml", "--ray", "serial", "--trials", "1")
    assert ran.code == 0, ran.err


def test_an_unknown_study(refused):
    assert "did you mean 'digits'?" in refused("launch", "digit")
    assert "there is no such file" in refused("launch", "nowhere.yaml")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me:secret@127.0.0.1:1/db", "127.0.0.1"),
        ("sqlite:////nowhere/at/all/study.db", "/nowhere/at/all"),
        ("sqlite:////proc/study.db", "/proc/study.db"),
        ("oracle://somewhere/db", "oracle"),
        ("study.db", "sqlite:///"),
    ],
)
def test_a_database_that_cannot_be_used(refused, small, url, expected):
    line = refused("launch", small, "--storage", url, "--ray", "serial")
    assert expected in line
    assert "secret" not in line


@pytest.mark.parametrize(
    "command",
    [["list"], ["status", "digits"], ["results", "digits"], ["delete", "digits"], ["dashboard"]],
)
def test_reading_makes_no_database(refused, command):
    assert "study.db" in refused(*command)


def test_an_unknown_name_is_answered_with_those_there_are(study, small, refused):
    study.run("launch", small, "--ray", "serial", "--trials", "1")
    assert "small" in refused("results", "smal")
    assert "small" in refused("status", "smal")


def test_a_control_of_what_is_not_there_or_cannot_be_guessed(study, small, refused):
    study.write("table.yaml", "name: table\ndata: {source: xor}\nsampler: grid\n"
                "training: {epochs: 1}\n")  # fmt: skip
    assert study.run("launch", "table.yaml", "--ray", "serial").code == 0
    assert "no study is called 'nowhere'" in refused("control", "nowhere")
    assert "no results of a trial 9" in refused("control", "table", "9")
    assert "complete truth table" in refused("control", "table")


def test_options_that_are_wrong(refused):
    assert "'--trials'" in refused("launch", "--trials", "many")
    assert "--format: found 'xml'" in refused("results", "digits", "--format", "xml")
    assert "Did you mean 'launch'?" in refused("lunch")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
@pytest.mark.parametrize("option", ["--cluster", "--ray"])
def test_a_cluster_that_does_not_answer(refused, small, option, address):
    line = refused("launch", small, option, address)
    assert f"Ray at {address}: " in line
    assert line.endswith("or give --cluster ADDRESS of a running cluster")


@pytest.mark.parametrize("variable", ["STUDY_CLUSTER", "RAY_ADDRESS"])
def test_a_cluster_is_named_by_the_environment_too_and_an_option_is_stronger(
    study, small, variable
):
    environment = {variable: "127.0.0.1:1"}
    ran = study.run("launch", small, **environment)
    assert ran.code == 2
    assert "Ray at 127.0.0.1:1: " in ran.err
    ran = study.run("launch", small, "--cluster", "serial", "--trials", "1", **environment)
    assert ran.code == 0, ran.err


def test_gpus_where_segments_are_trained_in_processes(refused, small):
    line = refused("launch", small, "--cluster", "processes", "--set", "resources.gpus=1")
    assert line.endswith("cannot take GPUs: leave out --cluster processes")


def test_more_gpus_than_there_are(refused, small):
    line = refused("launch", small, "--set", "resources.gpus=64")
    assert "resources.gpus: found 64" in line


@pytest.mark.parametrize("options", [["--drop", "a,b"], ["--drop", "a", "--drop", "b"]])
def test_every_column_to_drop_is_dropped(study, options):
    rows = "".join(f"{i % 3},{i % 5},{i % 7},{i % 2}\n" for i in range(60))
    study.write("rows.csv", f"a,b,c,y\n{rows}")
    ran = study.run("check", "rows.csv", "--target", "y", *options)
    assert ran.code == 0, ran.err
    assert "1 column → 1 input" in ran.out


LONG = "a" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ["launch", LONG],
        ["launch", f"{LONG}.yaml"],
        ["launch", "digits", "--set", f"data.source={LONG}.csv"],
        [
            "launch",
            "digits",
            "--set",
            f"data.test={LONG}/rows.csv",
            "--set",
            "data.source=rows.csv",
        ],
        ["check", f"{LONG}.csv", "--target", "y"],
        ["init", f"{LONG}.csv", "--target", "y"],
        ["init", "rows.csv", "--target", "y", "--output", f"{LONG}.yaml"],
        ["predict", LONG, "rows.csv"],
        ["export", "small", "0", "--output", f"{LONG}/model"],
        ["serve", "--data-root", LONG],
    ],
)
def test_a_name_that_is_longer_than_a_file_may_have(study, small, refused, arguments):
    study.write("rows.csv", "a,y\n1,0\n")
    if arguments[0] == "export":
        assert study.run("launch", small, "--ray", "serial").code == 0
    line = refused(*arguments)
    assert "aaa" in line
    assert "File name too long" in line or "is no folder" in line


def test_a_database_of_a_name_too_long_is_named_by_the_doctor(study):
    ran = study.run("doctor", "--storage", f"sqlite:///{LONG}.db")
    assert ran.code == 1
    assert "File name too long" in ran.out
    assert "Traceback" not in ran.err
