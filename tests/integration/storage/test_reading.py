"""DataFrames: tidy, typed, of one study or of all, by URL or of an open database."""

import pandas as pd
import pytest
from sqlalchemy import create_engine

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.database.urls import parse_url
from storage.errors import StudyNotFound
from storage.reading.frames import (
    load_layer_statistics,
    load_learning_curves,
    load_members,
    load_replicates,
    load_results,
)
from storage.tables.schema import results
from storage.trials.storage import TrialStorage
from tests.integration.storage.studies import ROWS, finished, make_run, new_trial, take_lease

LOADERS = {
    "results": load_results,
    "replicates": load_replicates,
    "members": load_members,
    "learning_curves": load_learning_curves,
    "layer_statistics": load_layer_statistics,
}


def fill(database: Database, name: str, count: int) -> None:
    study_id = make_run(database, name).study_id
    lease = take_lease(database, name)
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial()] * count, lease)
    storage.batches.finish_trials(study_id, [finished(n) for n in reversed(range(count))], lease)


@pytest.mark.parametrize("table", list(LOADERS))
def test_one_study_or_all_of_them(database_url: str, table: str):
    with open_database(database_url) as database:
        fill(database, "second", 2)
        fill(database, "first", 1)
    load = LOADERS[table]
    one = load("second", database_url)
    assert len(one) == 2 * ROWS[table]
    assert one.trial.is_monotonic_increasing
    both = load(None, database_url)
    assert both.study.unique().tolist() == ["first", "second"]
    assert len(both) == 3 * ROWS[table]
    assert list(both.columns)[:2] == ["study", "trial"]
    assert "trial_id" not in both
    with pytest.raises(StudyNotFound, match="'third'; the database has: first, second"):
        load("third", database_url)


@pytest.mark.parametrize("table", list(LOADERS))
def test_a_study_without_results_has_frames_without_rows_and_with_the_same_types(
    database: Database, table: str
):
    make_run(database)
    empty = LOADERS[table]("digits", database)
    assert empty.empty
    fill(database, "filled", 1)
    full = LOADERS[table]("filled", database)
    assert list(empty.columns) == list(full.columns)
    plain = [c for c in full.columns if not isinstance(full[c].dtype, pd.CategoricalDtype)]
    assert empty[plain].dtypes.equals(full[plain].dtypes)


def test_the_results_can_be_read_by_pandas_alone(database_url: str):
    with open_database(database_url) as database:
        fill(database, "digits", 2)
    engine = create_engine(parse_url(database_url))
    frame = pd.read_sql("results", engine)
    engine.dispose()
    assert frame.study.tolist() == ["digits", "digits"]
    assert sorted(frame.trial) == [0, 1]
    assert set(frame.columns) == {column.name for column in results.c}
