"""Tables: one reading whatever file they come in, and of a row whatever rows are beside it."""

import gzip
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.columns import Column, Kind, Role
from workers.data import (
    DataError,
    DataSource,
    dataset_from_memory,
    load_dataset,
    split_dataset,
)
from workers.data.tables.coding import code_table
from workers.data.tables.files import read_table
from workers.data.tables.memory import table_of_frame
from workers.data.tables.words import are_numbers, as_numbers

ROWS = 48
SEVERAL = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def frame_of(seed, missing):
    """A table with a column of every kind, some of whose values are missing."""
    rng = np.random.default_rng(seed)
    gaps = {name: rng.random(ROWS) < missing for name in ("age", "ill", "seen", "town")}
    ill = rng.random(ROWS) < 0.5
    days = pd.to_timedelta(rng.integers(0, 900, ROWS), "D")
    return pd.DataFrame(
        {
            "age": np.where(gaps["age"], np.nan, rng.normal(50, 1e3, ROWS)),
            "children": rng.integers(-2, 9, ROWS),
            "ill": pd.Series(np.where(gaps["ill"], None, ill), dtype="boolean"),
            "waited": pd.to_timedelta(rng.integers(-90, 90, ROWS), "min"),
            "seen": (pd.Timestamp("2019-03-01 06:00") + days).where(~gaps["seen"]),
            "town": np.where(gaps["town"], None, rng.choice(["Oslo", "NA", "None", "7 a"], ROWS)),
            "target": np.where(np.arange(ROWS) % 3, "None", "yes"),
        }
    )


def through(folder, frame, ending):
    path = folder / f"table{ending}"
    if ending == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in ending else ",")
    return load_dataset(DataSource(str(path)))


def same(one, other):
    assert one.columns == other.columns
    assert one.levels == other.levels
    assert one.numeric.tobytes() == other.numeric.tobytes()
    assert one.categorical.tobytes() == other.categorical.tobytes()
    assert one.classes == other.classes
    assert one.target.tobytes() == other.target.tobytes()


@SEVERAL
@given(seed=st.integers(0, 10**6), missing=st.sampled_from([0.0, 0.1, 0.4]))
def test_a_table_is_the_same_in_every_file_and_in_memory(tmp_path, seed, missing):
    frame = frame_of(seed, missing)
    read = through(tmp_path, frame, ".csv")
    assert [c.kind for c in read.columns if c.is_input] == [
        *(Kind.NUMBER, Kind.NUMBER, Kind.BOOLEAN, Kind.DURATION, Kind.DATE, Kind.CATEGORY)
    ]
    same(read, through(tmp_path, frame, ".tsv.gz"))
    same(read, through(tmp_path, frame, ".parquet"))
    features, labels = frame.drop(columns="target"), frame["target"]
    same(read, dataset_from_memory(features, labels, DataSource("memory")))
    same(read, dataset_from_memory(features.convert_dtypes(), labels, DataSource("memory")))


@SEVERAL
@given(seed=st.integers(0, 10**6))
def test_an_array_is_read_as_the_table_of_its_columns(tmp_path, seed):
    rng = np.random.default_rng(seed)
    numbers = np.round(rng.normal(size=(ROWS, 4)), 3)
    numbers[:, 1] = rng.integers(0, 2, ROWS)
    numbers[:, 2] = 5.0
    numbers[seed % ROWS, 3] = np.nan
    labels = np.arange(ROWS) % 2
    np.savez(tmp_path / "table.npz", X=numbers, y=labels)
    frame = pd.DataFrame(numbers, columns=[f"x{i}" for i in range(4)])
    table = through(tmp_path, frame.assign(target=labels), ".csv")
    for array in (
        load_dataset(DataSource(str(tmp_path / "table.npz"))),
        dataset_from_memory(numbers, labels, DataSource("memory")),
    ):
        assert array.names == table.names == ("x0", "x1", "x3")
        assert array.numeric.tobytes() == table.numeric.tobytes()
        assert array.target.tobytes() == table.target.tobytes()


@SEVERAL
@given(seed=st.integers(0, 10**6), data=st.data())
def test_a_row_is_coded_alike_whatever_rows_are_beside_it(tmp_path, seed, data):
    frame = frame_of(seed, 0.2)
    whole = through(tmp_path, frame, ".csv")
    rows = data.draw(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=9))
    part = frame.iloc[rows]
    part.to_csv(tmp_path / "part.csv", index=False)
    part.to_parquet(tmp_path / "part.parquet")
    for table in (
        table_of_frame(part, "part"),
        read_table(tmp_path / "part.csv", "source"),
        read_table(tmp_path / "part.parquet", "source"),
    ):
        coded = code_table(table, whole.columns, ())
        assert coded.numeric.tobytes() == whole.numeric[rows].tobytes()
        assert coded.categorical.tobytes() == whole.categorical[rows].tobytes()


def kinds_of(values, **options):
    """What a column of these values is, beside one of random numbers, with the warnings."""
    rows = len(values)
    frame = pd.DataFrame({"own": values})
    frame["other"] = np.random.default_rng(0).normal(size=rows)
    labels = np.random.default_rng(1).integers(0, 2, rows)
    source = DataSource("memory", **options)
    dataset = dataset_from_memory(frame, labels, source)
    return dataset.columns[0], dataset.warnings


MANY = np.random.default_rng(2).integers(0, 10**6, 400)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([f"{i % 40:03}" for i in range(400)], Kind.CATEGORY),  # codes, as they are written
        ([*["1", "2", "3", "x"] * 100], Kind.CATEGORY),
        ([*["1", "2", "3"] * 133, "x"], Kind.CATEGORY),  # a few whole numbers are codes
        (["true", "False", ""] * 100, Kind.BOOLEAN),
        (["TRUE", "FALSE", "NA"] * 100, Kind.BOOLEAN),
        (["true", "false", "maybe"] * 100, Kind.CATEGORY),
        (["2024-01-31", "2024-02-01T10:00:00Z", "?"] * 100, Kind.DATE),
        ([*["2024-01-31", "2024-02-01"] * 50, "soon"], Kind.DATE),
        ([*["08:30", "17:05:10"] * 50, "soon"], Kind.DURATION),
        (["08:30", "1:02:03.5", "0 days 08:00:00", "-"] * 50, Kind.DURATION),
        (["1e3", " -2", ".5", "+4.", "NA"] * 60, Kind.NUMBER),
        ([f"C{i}" for i in range(300)], Kind.IDENTIFIER),
        ([f"the {i}th of many remarks, and it is a long one" for i in range(300)], Kind.TEXT),
        (["always"] * 50, Kind.CONSTANT),
        ([None] * 50, Kind.CONSTANT),
        ([3.5] * 50, Kind.CONSTANT),
        ([3.5] * 49 + [None], Kind.NUMBER),  # whether it is missing may tell something
        (["06/12/2020", "07/12/2020"] * 100, Kind.UNSUPPORTED),
        (list(range(100)), Kind.NUMBER),
    ],
)
def test_what_a_column_is_follows_from_its_values(values, kind):
    assert kinds_of(values)[0].kind is kind


@pytest.mark.parametrize("name", ["customer_id", "Unnamed: 0", "ID", "rowIndex", "patientId"])
def test_whole_numbers_that_name_the_rows_are_left_out(name):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.permutation(10**6)[:80], "age": rng.normal(size=80)})
    if name == "rowIndex":
        frame = frame.rename(columns={name: "row index"})
    dataset = dataset_from_memory(frame, np.arange(80) % 2, DataSource("memory"))
    assert dataset.names == ("age",)
    assert dataset.columns[0].kind is Kind.IDENTIFIER
    assert "a whole number for nearly every row" in dataset.columns[0].why


def test_a_few_words_among_numbers_are_no_values_and_are_named():
    column, warnings = kinds_of(["refused", *map(str, MANY), "see file"])
    assert column == Column("own", Kind.NUMBER, missing=("refused", "see file"))
    (line,) = warnings
    assert "'refused', 'see file' in 2 rows counts as missing" in line
    assert 'data.missing_values: ["refused", "see file"]' in line
    column, warnings = kinds_of(["?", *map(str, MANY)])
    assert column == Column("own", Kind.NUMBER)
    assert "'?' in 1 row counts as missing" in warnings[0]
    assert kinds_of(["?", *map(str, MANY)], missing_values=("?",))[1] == ()


def test_the_specification_has_the_last_word_on_what_a_column_is():
    assert kinds_of(MANY, types={"own": "category"})[0].other
    codes = [f"{i % 9:02}" for i in range(100)]
    assert kinds_of(codes, types={"own": "number"})[0] == Column("own", Kind.NUMBER, lenient=True)
    amounts = [f"{value:,}" for value in MANY]
    column, warnings = kinds_of(amounts)
    assert column.kind is Kind.IDENTIFIER
    assert 'data.types: {"own": number} reads them' in warnings[0]
    frame = pd.DataFrame({"own": amounts})
    read = dataset_from_memory(frame, MANY % 2, DataSource("memory", types={"own": "number"}))
    assert read.numeric[:, 0].tolist() == MANY.tolist()
    with pytest.raises(DataError, match="found 'x' in row 3; it is read as numbers"):
        kinds_of(["1", "2", "x"] * 20, types={"own": "number"})
    assert kinds_of(MANY, drop=("own",))[0].kind is Kind.DROPPED
    assert kinds_of(MANY, features=("other",))[0].kind is Kind.DROPPED


def test_numbers_with_decimal_commas_are_said_not_to_be_numbers():
    column, warnings = kinds_of([f"{value / 7:.2f}".replace(".", ",") for value in MANY])
    assert column.kind is Kind.IDENTIFIER
    assert "such as '" in warnings[0]
    assert "write them with decimal points" in warnings[0]


def test_values_of_python_and_of_pandas_are_what_a_file_of_them_would_be():
    rows = 40
    frame = pd.DataFrame(
        {
            "large": [2**80 + i % 3 * 2**70 for i in range(rows)],
            "month": pd.period_range("2020-01", periods=rows, freq="M"),
            "hours": pd.to_timedelta(np.arange(rows) % 9, "h"),
            "price": [Decimal(i % 7) / 4 for i in range(rows)],
            "mixed": [None, 7.0, 7, "x"] * 10,
        }
    )
    read = dataset_from_memory(frame, [2**70, 1] * 20, DataSource("memory"))
    kinds = [Kind.NUMBER, Kind.DATE, Kind.DURATION, Kind.NUMBER, Kind.CATEGORY]
    assert [c.kind for c in read.columns if c.is_input] == kinds
    assert read.numeric[:3, 2].tolist() == [0, 3600, 7200]
    assert read.levels == (("7", "x"),)
    assert read.classes == ("1", str(2**70))
    with pytest.raises(DataError, match="of the type complex128"):
        dataset_from_memory(np.ones((rows, 2)) * 1j, np.arange(rows) % 2, DataSource("memory"))


def test_rare_levels_are_one_and_a_value_that_was_never_seen_is_among_them():
    towns = ["Oslo"] * 30 + ["Rome"] * 20 + [f"T{i}" for i in range(40)] + ["other"] * 30
    column, warnings = kinds_of(towns, max_levels=3)
    assert column.levels == ("Oslo", "Rome", "other", "(other)")
    assert "43 levels" in warnings[0]
    frame = pd.DataFrame({"own": ["T7", "Paris", "other", None, "Rome"]})
    coded = code_table(table_of_frame(frame, "new"), (column,), ())
    assert coded.categorical[:, 0].tolist() == [3, 3, 2, -1, 1]


def files(folder, now, later, **options):
    now.to_csv(folder / "now.csv", index=False)
    later.to_csv(folder / "later.csv", index=False)
    source = DataSource(str(folder / "now.csv"), test=str(folder / "later.csv"), **options)
    return load_dataset(source)


def test_a_test_file_is_read_as_its_training_file(tmp_path):
    rng = np.random.default_rng(0)
    now = pd.DataFrame({"code": rng.choice(["1", "2", "x"], 90), "age": rng.integers(20, 80, 90)})
    now["target"] = np.arange(90) % 2
    later = pd.DataFrame({"code": ["1", "2", None] * 10, "age": ["30", "unknown", "31.5"] * 10})
    later["target"] = [0, 1] * 15
    read = files(tmp_path, now, later)
    assert read.levels == (("1", "2", "x"),)
    assert read.categorical[90:93, 0].tolist() == [0, 1, -1]
    assert read.numeric[90:93, 0].tolist() == pytest.approx([30, np.nan, 31.5], nan_ok=True)
    with pytest.raises(DataError, match="'age': found 'old' in row 2; it is read as numbers") as no:
        files(tmp_path, now, later.replace("unknown", "old"))
    assert no.value.field == "test"
    assert files(tmp_path, now, later.replace("unknown", "old"), missing_values=("old",)).examples


def test_a_table_is_read_by_its_record_where_there_is_one(tmp_path):
    frame = frame_of(0, 0.1)
    read = through(tmp_path, frame, ".csv")
    path = str(tmp_path / "table.csv")
    frame.assign(town="Paris", more=1).to_csv(path, index=False)
    again = load_dataset(DataSource(path, columns=read.columns))
    assert again.columns == read.columns
    assert again.levels == read.levels
    assert (again.categorical[:, 0] == -1).all()
    with pytest.raises(DataError, match="the target, split or group in it is another"):
        load_dataset(DataSource(path, target="town", columns=read.columns))
    frame.drop(columns="age").to_csv(path, index=False)
    with pytest.raises(DataError, match="there is no column 'age'"):
        load_dataset(DataSource(path, columns=read.columns))


def test_rows_for_testing_decide_nothing(tmp_path):
    rng = np.random.default_rng(0)
    now = pd.DataFrame({"size": rng.normal(size=60), "town": ["Oslo", "Rome"] * 30})
    now["target"] = [0, 0, 1] * 20
    later = now.iloc[:20].assign(town="Paris")
    later.loc[3, "size"] = 1e39
    plain = files(tmp_path, now, later.assign(size=0.0, town="Oslo"))
    read = files(tmp_path, now, later)
    assert read.columns == plain.columns
    assert read.features == plain.features == 3
    assert read.warnings == (
        "'town': 20 of 20 rows of later.csv have categories that were not trained on, such as "
        "'Paris'; they count as missing",
        "'size': 1 value of later.csv beyond ±3.4e38 counts as missing",
    )


@SEVERAL
@given(seed=st.integers(0, 10**6))
def test_neither_do_rows_that_the_seed_draws_for_testing(tmp_path, seed):
    """Whatever stands in them, the other rows come out the same to the bit."""
    path = tmp_path / "table.csv"
    frame = frame_of(seed, 0.1).astype(object).fillna("")
    frame.to_csv(path, index=False)
    plain = load_dataset(DataSource(str(path), seed=seed))
    split = split_dataset(plain, seed, 0)
    test = split.test.tolist()
    for place, (name, value) in enumerate(
        [("age", "1e39"), ("age", "refused"), ("town", "Paris"), ("seen", ""), ("ill", "")]
    ):
        frame.loc[test[place], name] = value
    frame.loc[test[0], "seen"] = "1990-01-01"
    frame.to_csv(path, index=False)
    read = load_dataset(DataSource(str(path), seed=seed))
    same_test = [replace(own, missing=()) for own in read.columns]
    assert same_test == list(plain.columns)
    again = split_dataset(read, seed, 0)
    assert again.test.tolist() == test
    rest = np.setdiff1d(np.arange(ROWS), test)
    assert again.features[rest].tobytes() == split.features[rest].tobytes()


def test_numbers_are_one_level_however_they_are_written():
    words = ["1", "1.0", "+1", "1e0", "2.50", "2.5", "007", "7", "-999.0"]
    column, _ = kinds_of(words * 5, types={"own": "category"}, missing_values=("-999",))
    assert column.levels == ("007", "1", "2.5", "7")
    for dtype in ("float64", "float32", "Float64"):
        frame = pd.DataFrame({"own": pd.array([1.0, 2.5, None, 7.0], dtype=dtype)})
        coded = code_table(table_of_frame(frame, "new"), (column,), ())
        assert coded.categorical[:, 0].tolist() == [1, 2, -1, 3]


def test_whole_numbers_that_floats_merge_are_told_apart():
    column, _ = kinds_of([2**60 + i % 7 for i in range(100)])
    assert (column.kind, len(column.levels)) == (Kind.CATEGORY, 7)
    column, _ = kinds_of([str(2**60 + i) for i in range(100)])
    assert column.kind is Kind.IDENTIFIER


def test_columns_that_alone_tell_the_target_are_named():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"noise": rng.normal(size=90), "score": rng.normal(size=90)})
    labels = np.where(frame["score"] < -0.5, "a", np.where(frame["score"] < 0.5, "b", "c"))
    frame["died"] = np.where(labels == "c", rng.normal(size=90), np.nan)
    frame["code"] = np.select([labels == "a", labels == "b"], [rng.choice([0, 2], 90), 1], 3)
    frame["verdict"] = np.where(labels == "a", "no", np.where(labels == "b", "so so", "yes"))
    warnings = dataset_from_memory(frame, labels, DataSource("memory")).warnings
    named = [line.split()[0] for line in warnings]
    assert named == ["'score'", "'died'", "'code'", "'verdict'"]
    shuffled = rng.permutation(labels)
    assert dataset_from_memory(frame, shuffled, DataSource("memory")).warnings == ()


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["None", "mild", "NA"], ("NA", "None", "mild")),
        (["007", "7", "x"], ("007", "7", "x")),
        (["1", "2.0", "3"], ("1", "2", "3")),
        (["True", "false", "true"], ("False", "True")),
        (["12345678901234567890", "12345678901234567891", "1"], None),
    ],
)
def test_labels_are_numbers_or_booleans_only_where_all_of_them_are(tmp_path, labels, classes):
    frame = pd.DataFrame({"size": np.arange(60) % 7, "target": labels * 20})
    read = through(tmp_path, frame, ".csv")
    assert read.classes == (classes or tuple(sorted(labels)))


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b", None],
        ["a", "b", float("nan")],
        pd.Series(["a", "b", pd.NA], dtype="string"),
        pd.Series([True, False, pd.NA], dtype="boolean"),
        pd.Series(pd.Categorical(["a", "b", None])),
        np.array(["a", "b", np.nan]),
        [0.0, 1.0, float("nan")],
    ],
)
def test_a_missing_label_is_never_a_class(labels):
    repeated = np.tile(labels, 20) if isinstance(labels, np.ndarray) else list(labels) * 20
    if isinstance(labels, pd.Series):
        repeated = pd.concat([labels] * 20, ignore_index=True)
    with pytest.raises(DataError, match="20 examples have no label"):
        dataset_from_memory(
            np.random.default_rng(0).normal(size=(60, 2)), repeated, DataSource("m")
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3,4,5\n", "its header has 2 columns, and a row has 3 values: '3,4,5'"),
        ("a,b\n1,2,\n3,4,\n", "a row has 3 values"),
        ("a,b\n1\n", "a row has 1 values"),
        ("a,b,a\n1,2,3\n", "2 columns are called 'a'"),
        ("", "it is empty"),
        ("a,b\n", "holds no examples"),
        ('a,b\n1,2\n3,"4\n5,6\n', "a quote in it is opened and never closed"),
        ("a,b\n1,2\na,b\n3,4\n", "row 2 is the header again"),
        ("a|b\n1|2\n", "separate its values by commas"),
        (" a, b\n1,2\n", "there is no column 'b'; the columns are ' a', ' b'"),
        ("a,b\nJos\xe9,1\n", "not text in UTF-8"),
    ],
)
def test_a_file_that_is_wrong_is_refused_and_not_repaired(tmp_path, text, words):
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=words) as refused:
        load_dataset(DataSource(str(tmp_path / "t.csv"), target="b"))
    assert "\n" not in str(refused.value)


def test_files_are_known_by_their_endings_whatever_the_case(tmp_path):
    frame = frame_of(0, 0.1)
    frame.to_csv(tmp_path / "T.CSV", index=False, sep=";")
    read = load_dataset(DataSource(str(tmp_path / "T.CSV")))
    same(read, through(tmp_path, frame, ".csv"))
    assert read.notes[0] == "T.CSV: its values are separated by semicolons"
    with gzip.open(tmp_path / "t.csv.gz", "wt") as packed:
        packed.write(frame.to_csv(index=False))
    same(read, load_dataset(DataSource(str(tmp_path / "t.csv.gz"))))
    (tmp_path / "folder.parquet").mkdir()
    frame.to_parquet(tmp_path / "folder.parquet" / "part-0.parquet")
    (tmp_path / "folder.parquet" / "_SUCCESS").touch()
    same(read, load_dataset(DataSource(str(tmp_path / "folder.parquet"))))
    (tmp_path / "t.xlsx").touch()
    with pytest.raises(DataError, match=r"what is read ends in \.csv, \.csv\.gz, \.tsv"):
        load_dataset(DataSource(str(tmp_path / "t.xlsx"), target="y"))


def test_values_that_are_no_input_are_refused_by_name_and_type_unless_left_out():
    rows = 40
    odd = {
        "lists": [[1, 2]] * rows,
        "structs": [{"a": 1}] * rows,
        "bytes": [b"\xff"] * rows,
        "values of the type complex": [1j] * rows,
    }
    for words, values in odd.items():
        frame = pd.DataFrame({"own": values, "age": np.arange(rows) % 5})
        with pytest.raises(DataError, match=f"column 'own' holds {words}.*data.drop"):
            dataset_from_memory(frame, np.arange(rows) % 2, DataSource("memory"))
        source = DataSource("memory", drop=("own",))
        assert dataset_from_memory(frame, np.arange(rows) % 2, source).names == ("age",)


def test_a_number_is_read_leniently_only_where_a_person_says_that_it_is_one():
    words = pa.array(["007", "1,234", "12,34", "1e3"], pa.large_string())
    assert are_numbers(words).tolist() == [False, False, False, True]
    assert are_numbers(words, lenient=True).tolist() == [True, True, False, True]
    assert as_numbers(words).tolist() == pytest.approx([7, 1234, np.nan, 1000], nan_ok=True)


def test_the_record_of_a_column_is_kept_without_its_defaults():
    column = Column("town", Kind.CATEGORY, levels=("Oslo", "other"), other=True)
    assert column.document() == {
        "name": "town", "kind": "category", "levels": ("Oslo", "other"), "other": True
    }  # fmt: skip
    assert Column("y", Kind.NUMBER, Role.TARGET).document()["role"] == "target"


def test_numbers_that_look_like_dates_are_said_to_and_no_others():
    days = pd.date_range("2024-01-01", periods=100).strftime("%Y%m%d").astype(int).tolist()
    assert any("look like dates" in line for line in kinds_of(days)[1])
    assert not any("look like dates" in line for line in kinds_of([*days[1:], 20241399])[1])
    assert kinds_of(MANY)[1] == ()


def test_columns_that_only_the_test_file_has_are_named_and_separators_where_they_are_no_commas(
    tmp_path,
):
    now = pd.DataFrame({"size": np.arange(60) % 7, "target": [0, 0, 1] * 20})
    assert files(tmp_path, now, now.iloc[:20]).notes == ()
    (note,) = files(tmp_path, now, now.iloc[:20].assign(more=1)).notes
    assert "'more' not in" in note
