"""Data sets: what loads, what is refused and in which words, and how they are divided."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.data import (
    BUILTIN_NAMES,
    DataError,
    DataSource,
    check_groups,
    dataset_from_memory,
    describe_split,
    load_dataset,
    split_dataset,
)
from workers.data.preprocessing import fit_preprocessing
from workers.data.splitting import noisy_labels
from workers.data.tables.memory import table_of_frame
from workers.data.tables.reading import dataset_of_table


def dataset_from_frame(frame, source, name):
    return dataset_of_table(table_of_frame(frame, name), source, name)


def table(rows=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, rows),
            "town": np.where(rng.random(rows) < 0.5, "Oslo", "Rome"),
            "target": np.where(np.arange(rows) % 2, "yes", "no"),
            "household": np.arange(rows) // 3,
        }
    )


@pytest.fixture
def csv(tmp_path):
    def write(frame, name="people.csv"):
        path = tmp_path / name
        frame.to_csv(path, index=False)
        return str(path)

    return write


@pytest.mark.parametrize("name", [*BUILTIN_NAMES, "parity:4"])
def test_every_builtin_name_loads_and_splits(name):
    dataset = load_dataset(DataSource(name))
    split = split_dataset(dataset, 0, 0)
    assert split.features.shape == (dataset.examples, dataset.features)
    assert pickle.loads(pickle.dumps(dataset)).sha256 == dataset.sha256
    if dataset.is_truth_table:
        assert dataset.examples == 2**dataset.features
        assert len(split.train) == len(split.test) == dataset.examples
    else:
        together = np.concatenate([split.train, split.validation, split.test])
        assert sorted(together) == list(range(dataset.examples))


def test_the_test_set_is_fixed_and_the_rest_is_redrawn():
    digits = load_dataset(DataSource("digits"))
    first, second = split_dataset(digits, 0, 0), split_dataset(digits, 0, 1)
    assert np.array_equal(first.test, second.test)
    assert not np.array_equal(first.validation, second.validation)
    assert not np.array_equal(first.test, split_dataset(digits, 1, 0).test)
    assert np.array_equal(first.train, split_dataset(digits, 0, 0).train)


def test_splits_are_stratified_and_so_are_prefixes_of_the_training_split():
    digits = load_dataset(DataSource("digits"))
    split = split_dataset(digits, 0, 0)
    shares = np.bincount(digits.target) / digits.examples
    for part in (split.validation, split.test, split.train[:200]):
        assert np.allclose(np.bincount(digits.target[part]) / len(part), shares, atol=0.02)


def test_preprocessing_is_fitted_on_the_training_split_only():
    rng = np.random.default_rng(0)
    numbers = rng.normal(3.0, 5.0, (80, 4))
    dataset = dataset_from_memory(numbers, np.arange(80) % 2, DataSource("arrays"))
    split = split_dataset(dataset, 0, 0)
    train = split.features[split.train]
    assert np.allclose(train.mean(0), 0.0, atol=1e-12)
    assert np.allclose(train.std(0), 1.0)
    assert not np.allclose(split.features[split.test].mean(0), 0.0, atol=1e-3)


def test_missing_values_and_categories_become_columns(csv):
    frame = table()
    frame.loc[:9, "age"] = np.nan  # some of them in train: else their indicator counts for nothing
    frame.loc[5, "town"] = None
    dataset = load_dataset(DataSource(csv(frame)))
    assert dataset.features == 2 + 1 + 2  # age and household, an indicator, two towns
    split = split_dataset(dataset, 0, 0)
    assert np.isfinite(split.features).all()
    assert split.features[3, 2] == 1.0
    assert split.features[5, 3:].sum() == 0.0


def test_a_group_stays_on_one_side(csv):
    frame = table(90)
    dataset = load_dataset(DataSource(csv(frame), group="household"))
    for replicate in range(3):
        split = split_dataset(dataset, 0, replicate)
        sides = [
            set(frame["household"][part]) for part in (split.train, split.validation, split.test)
        ]
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]


def divided(csv, by):
    """Households of three; in the first and the last a row is on another side than the others."""
    frame = table()
    frame["household"] = [f"H{i // 3}" for i in range(60)]
    frame["part"] = ["train"] * 30 + ["test"] * 15 + ["validation"] * 15
    frame.loc[2, "part"], frame.loc[57, "part"] = "test", "train"
    if by == "split":
        return DataSource(csv(frame), split="part", group="household")
    test = frame["part"] == "test"
    plain = frame.drop(columns="part")
    return DataSource(
        csv(plain[~test], "now.csv"), test=csv(plain[test], "later.csv"), group="household"
    )


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("split", "2 of 20 groups have rows on both sides of what data.split fixes"),
        ("test", "1 of 20 group has rows on both sides of what data.test fixes"),
    ],
)
def test_groups_that_a_fixed_side_divides_are_refused(csv, by, words):
    source = divided(csv, by)
    with pytest.raises(DataError) as refused:
        check_groups(load_dataset(source).divided_groups, source)
    assert refused.value.field == "group"
    assert f"{words}, such as household 'H0' in train and test" in refused.value.message
    assert "\n" not in str(refused.value)


def test_groups_that_lie_whole_on_fixed_sides_are_kept_whole(csv):
    frame = table()
    frame["household"] = [f"H{i // 3}" for i in range(60)]
    frame["part"] = ["train"] * 39 + ["test"] * 21
    source = DataSource(csv(frame), split="part", group="household")
    dataset = load_dataset(source)
    check_groups(dataset.divided_groups, source)
    split = split_dataset(dataset, 0, 1)
    assert not set(frame["household"][split.train]) & set(frame["household"][split.validation])


def test_a_row_without_a_group_is_a_group_of_its_own_and_that_is_said(csv):
    frame = table().assign(part=["train", "train", "test"] * 20)
    frame["household"] = [None, *range(1, 59), ""]
    dataset = load_dataset(DataSource(csv(frame), split="part", group="household"))
    assert dataset.divided_groups is None
    assert len(np.unique(dataset.groups)) == 60
    assert "2 rows have no household: each is a group of its own" in dataset.warnings


def test_a_split_column_and_a_test_file_are_obeyed(csv):
    frame = table()
    frame["part"] = ["test" if i >= 40 else "train" for i in range(60)]
    by_column = load_dataset(DataSource(csv(frame), split="part"))
    assert list(split_dataset(by_column, 0, 0).test) == list(range(40, 60))
    train, test = csv(frame[:40].drop(columns="part"), "a.csv"), csv(frame[40:], "b.csv")
    by_file = load_dataset(DataSource(train, test=test))
    assert list(split_dataset(by_file, 3, 1).test) == list(range(40, 60))


def test_parquet_and_npz_hold_the_same_as_csv(tmp_path, csv):
    frame = table().drop(columns="town")
    frame.to_parquet(tmp_path / "people.parquet")
    features = frame[["age", "household"]].to_numpy(float)
    np.savez(tmp_path / "people.npz", X=features, y=frame["target"].to_numpy(str))
    splits = [
        split_dataset(load_dataset(DataSource(source)), 0, 0).features
        for source in (
            csv(frame),
            str(tmp_path / "people.parquet"),
            str(tmp_path / "people.npz"),
        )
    ]
    assert np.allclose(splits[0], splits[1])
    assert np.allclose(splits[0], splits[2])


@pytest.mark.parametrize(
    ("source", "field", "words"),
    [
        (DataSource("digts"), "source", "nearest is 'digits'"),
        (DataSource("/nowhere/x.csv"), "source", "there is no file"),
        (DataSource("parity:99"), "source", "N from 2 to"),
        (DataSource("openml:abc"), "source", "openml:ID"),
        (DataSource("iris", target="species"), "target", "built in"),
    ],
)
def test_a_wrong_source_is_refused_in_one_line(source, field, words):
    with pytest.raises(DataError) as refused:
        load_dataset(source)
    assert refused.value.field == field
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "options", "field", "words"),
    [
        (lambda f: f, {"target": "salary"}, "target", "age, town, target, household"),
        (lambda f: f, {"split": "part"}, "split", "no column 'part'"),
        (lambda f: f, {"group": "clan"}, "group", "no column 'clan'"),
        (lambda f: f, {"target": "age"}, "target", "continuous"),
        (lambda f: f.assign(target="yes"), {}, "target", "only one class"),
        (lambda f: f.assign(target=["a", "b", *["c"] * 58]), {}, "target", "class 'a' has 1"),
        (lambda f: f.assign(target=[None, *f["target"][1:]]), {}, "target", "no label"),
        (lambda f: f.assign(part="dev"), {"split": "part"}, "split", "'dev' must be train"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(csv, change, options, field, words):
    with pytest.raises(DataError) as refused:
        load_dataset(DataSource(csv(change(table())), **options))
    assert refused.value.field == field
    assert words in str(refused.value)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39, np.finfo(np.float64).max])
def test_a_number_that_networks_cannot_hold_counts_as_missing_and_that_is_said(value):
    numbers = np.random.default_rng(0).normal(size=(30, 2))
    numbers[4, 1] = value
    dataset = dataset_from_memory(numbers, np.arange(30) % 2, DataSource("arrays"))
    assert np.argwhere(np.isnan(dataset.numeric)).tolist() == [[4, 1]]
    assert dataset.warnings == ("'x1': 1 value of arrays beyond ±3.4e38 counts as missing",)


def test_label_noise_changes_that_share_of_training_labels_and_no_others():
    digits = load_dataset(DataSource("digits"))
    split = split_dataset(digits, 0, 0)
    changed = np.flatnonzero(noisy_labels(digits, split.train, 0, 0, 0.2) != digits.target)
    assert len(changed) == round(0.2 * len(split.train))
    assert set(changed) <= set(split.train)


def test_a_description_counts_and_names_examples():
    wine = load_dataset(DataSource("wine"))
    described, split = describe_split(wine, 0, 1), split_dataset(wine, 0, 1)
    assert described.train_examples == len(split.train)
    assert np.array_equal(described.test_index, split.test)
    assert 0.3 < described.chance_test_accuracy < 0.5
    assert described.test_classes == tuple(np.bincount(wine.target[split.test]))
    assert described.groups is None
    assert described.test_groups is None
    assert not described.test_copies.any()


def test_a_description_counts_the_labels_that_are_trained_on():
    wine = load_dataset(DataSource("wine"))
    noisy = describe_split(wine, 0, 1, label_noise=0.3)
    assert sum(noisy.train_classes) == noisy.train_examples
    assert noisy.train_classes != describe_split(wine, 0, 1).train_classes


def test_test_examples_whose_features_were_trained_on_are_found():
    rows = table()
    rows.loc[7, "age"] = np.nan
    rows.loc[8, "age"] = -0.0
    again = rows.assign(target=rows["target"].to_numpy()[::-1])  # other labels: copies all the same
    again.loc[8, "age"] = 0.0
    again.loc[9, "age"] += 1e-12
    everything = pd.concat([rows, again], ignore_index=True)
    dataset = dataset_from_frame(everything, DataSource("t.csv", target="target"), "t.csv")
    split = split_dataset(dataset, 0, 0)
    copies = describe_split(dataset, 0, 0).test_copies
    other = (split.test + 60) % 120
    expected = np.isin(other, split.train) & (split.test % 60 != 9)
    assert np.array_equal(copies, expected)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_the_hash_depends_on_contents_and_not_on_the_order_of_making(seed, classes):
    rng = np.random.default_rng(seed)
    numbers, labels = rng.normal(size=(40, 3)), np.arange(40) % classes
    first = dataset_from_memory(numbers, labels, DataSource("arrays"))
    again = dataset_from_memory(numbers.copy(order="F"), labels, DataSource("arrays"))
    assert first.sha256 == again.sha256
    numbers[seed % 40, 0] += 1e-9
    other = dataset_from_memory(numbers, labels, DataSource("arrays"))
    assert other.sha256 != first.sha256


def test_preprocessing_is_a_function_of_the_row_and_of_what_was_fitted():
    frame = table().assign(income=np.where(np.arange(60) % 5, 10.0, np.nan))
    data = dataset_from_frame(frame.drop(columns="household"), DataSource("people"), "people")
    split = split_dataset(data, 0, 0)
    fitted = fit_preprocessing(data, split.train)
    assert fitted.features == data.features
    for row in range(60):
        own = fitted.apply(data.numeric[[row]], data.categorical[[row]])
        assert own.tobytes() == split.features[[row]].tobytes()
    nowhere = fitted.apply(np.full((1, 2), np.nan), np.array([[-1]]))
    age, income, income_missing, *towns = nowhere[0]
    assert (age, income, income_missing, towns) == (pytest.approx(0), 0, 1, [0, 0])


@pytest.mark.parametrize(
    ("labels", "kind", "classes"),
    [
        ([3, 1] * 9, "integer", ("1", "3")),
        ([3.0, 1.0] * 9, "integer", ("1", "3")),
        ([True, False] * 9, "boolean", ("False", "True")),
        (["3", "x"] * 9, "text", ("3", "x")),
    ],
)
def test_what_labels_were_is_remembered(labels, kind, classes):
    data = dataset_from_memory(np.arange(18.0)[:, None], labels, DataSource("arrays"))
    assert (data.task.label_kind, data.task.names) == (kind, classes)
