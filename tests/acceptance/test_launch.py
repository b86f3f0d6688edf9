"""`study launch`, from end to end."""

import json
import signal
import sqlite3
import time
from io import StringIO
from pathlib import Path

import optuna
import pandas as pd
import psutil
import pytest
from sqlalchemy import create_engine

from storage.tables.schema import results as results_table
from tests.acceptance.conftest import SMALL


@pytest.mark.parametrize("ray", [[], ["--ray", "local"]], ids=["processes", "ray"])
def test_a_study_ends_with_its_best_trials_and_what_to_do_next(study, small, ray):
    ran = study.run("launch", small, *ray)
    assert ran.code == 0, ran.err
    assert "Best of 6 trials by validation_accuracy" in ran.out
    assert "always saying the most frequent class: test 0." in ran.out
    assert "study results small" in ran.err
    assert "study dashboard" in ran.err
    assert "6/6 trials done" in ran.err
    assert "Warning" not in ran.err
    assert (study.folder / "study.db").exists()


def test_results_are_the_same_wherever_they_are_trained(study, small):
    tables = []
    for where in ("processes", "serial", "local"):
        place = ("--storage", f"sqlite:///{where}.db")
        ray = () if where == "processes" else ("--ray", where)
        assert study.run("launch", small, *place, *ray).code == 0
        ran = study.run("results", "small", "--format", "csv", *place)
        tables.append(pd.read_csv(StringIO(ran.out)))
    unlike = ["cohort", "worker", "seconds", "started_at", "finished_at"]
    first, *others = (table.drop(columns=unlike) for table in tables)
    for other in others:
        pd.testing.assert_frame_equal(first, other, check_exact=True)


def test_a_study_on_postgresql(study, small, postgres_url):
    ran = study.run("launch", small, "--storage", postgres_url, "--ray", "serial")
    assert ran.code == 0, ran.err
    ran = study.run("results", "small", "--storage", postgres_url, "--format", "json")
    assert [row["state"] for row in json.loads(ran.out)] == ["COMPLETE"] * 6
    assert "small" in study.run("list", "--storage", postgres_url).out


def test_results_have_a_row_per_trial_and_every_column(study, small):
    study.run("launch", small, "--ray", "serial")
    ran = study.run("results", "small", "--format", "csv")
    table = pd.read_csv(StringIO(ran.out))
    assert list(table["trial"]) == list(range(6))
    expected = [column.name for column in results_table.columns if column.name != "trial_id"]
    assert set(expected) <= set(table.columns)
    may_be_empty = {
        "early_stopping_patience",
        "train_accuracy_clean",
        "duplicate_of",
        "error",
    }
    filled = [name for name in expected if name not in may_be_empty]
    assert not table[filled].isna().any().any()
    engine = create_engine(f"sqlite:///{study.folder / 'study.db'}")
    by_sql = pd.read_sql("results", engine)
    engine.dispose()
    assert set(table["test_accuracy"]) == set(by_sql["test_accuracy"])
    gap = table["train_accuracy"] - table["test_accuracy"]
    pd.testing.assert_series_equal(gap, table["generalization_gap"], check_names=False)


def test_results_can_be_written_to_a_file(study, small):
    study.run("launch", small, "--ray", "serial")
    for style, read in (("parquet", pd.read_parquet), ("csv", pd.read_csv), ("json", pd.read_json)):
        ran = study.run("results", "small", "--format", style, "--output", f"rows.{style}")
        assert (ran.code, ran.out) == (0, "")
        assert len(read(study.folder / f"rows.{style}")) == 6
    assert "generalization_gap" not in study.run("results", "small").out
    assert "gap" in study.run("results", "small").out


def test_optuna_reads_the_study_from_the_same_database(study, small):
    study.run("launch", small, "--ray", "serial")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{study.folder / 'study.db'}")
    loaded = optuna.load_study(study_name="small", storage=storage)
    assert len(loaded.get_trials(states=[optuna.trial.TrialState.COMPLETE])) == 6
    assert loaded.metric_names == ["validation_accuracy"]
    assert loaded.best_trial.user_attrs["test_accuracy"] > 0.5
    storage.engine.dispose()


def test_launching_again_goes_on_until_the_budget_is_reached(study, small):
    assert study.run("launch", small, "--ray", "serial", "--trials", "4").code == 0
    again = study.run("launch", small, "--ray", "serial", "--trials", "4")
    assert again.code == 0
    assert "the budget was reached before" in again.err
    more = study.run("launch", small, "--ray", "serial")
    assert more.code == 0
    assert "Best of 6 trials" in more.out


def test_a_different_specification_under_the_same_name_is_refused(study, small, refused):
    study.run("launch", small, "--ray", "serial")
    line = refused("launch", small, "--ray", "serial", "--set", "training.epochs=9")
    assert "training.epochs = 4, found 9" in line
    assert "seed = 0, found 1" in refused("launch", small, "--ray", "serial", "--seed", "1")


def test_different_data_under_the_same_name_are_refused(study, refused):
    rows = "a,b,y\n" + "".join(f"{i},{i * i % 7},{i % 2}\n" for i in range(40))
    study.write("rows.csv", rows)
    spec = "name: own\ndata: {source: rows.csv, target: y}\ntraining: {epochs: 2}\n"
    study.write("own.yaml", spec + "budget: {trials: 2}\n")
    assert study.run("launch", "own.yaml", "--ray", "serial").code == 0
    study.write("rows.csv", rows + "1,1,1\n")
    assert "was begun with other data" in refused("launch", "own.yaml", "--ray", "serial")


@pytest.mark.parametrize("where", ["processes", "serial", "local"])
def test_ctrl_c_leaves_in_seconds_and_the_study_can_be_launched_again(study, where):
    ray = () if where == "processes" else ("--ray", where)
    study.write("long.yaml", SMALL.replace("small", "long").replace("epochs: 4", "epochs: 4000"))
    process = study.start("launch", "long.yaml", *ray)
    _wait_for_running_trials(study.folder / "study.db")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "launch it again" in err
    states = study.run("status", "long")
    assert "stopped" in states.out
    assert "waiting" in states.out
    database = sqlite3.connect(study.folder / "study.db")
    assert database.execute("select count(*) from trials where state='RUNNING'").fetchone() == (0,)
    database.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_before_a_study_has_begun_is_said_in_one_line(study, small, number):
    process = study.start("launch", small)
    family = psutil.Process(process.pid)
    deadline = time.monotonic() + 30
    while not family.children() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=15)
    assert (process.returncode, out, err) == (130, "", "study: interrupted\n")


def _wait_for_running_trials(file: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(0.3)
        if not file.exists():
            continue
        database = sqlite3.connect(file)
        try:
            if database.execute("select 1 from trials where state='RUNNING'").fetchone():
                return
        except sqlite3.OperationalError:
            continue
        finally:
            database.close()
    pytest.fail("no trial was running after two minutes")


def test_a_study_whose_networks_all_diverge_has_failed(study):
    spec = study.write(
        "diverging.yaml",
        """
        name: diverging
        data: {source: wine}
        search: {width: 8, optimizer: sgd, learning_rate: 1.0e+6}
        training: {epochs: 3, replicates: 2}
        sampler: grid
        """,
    )
    ran = study.run("launch", spec, "--ray", "serial")
    assert ran.code == 1
    assert "all networks of every trial diverged" in ran.err
    assert "base rate" in study.run("status", "diverging").out
