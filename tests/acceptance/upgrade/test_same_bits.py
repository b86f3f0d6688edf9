"""The same studies have the same bits as before: every table of six small ones."""

import pytest

from tests.acceptance.conftest import CommandLine
from tests.acceptance.upgrade.same_bits import (
    ADAPTIVE,
    STUDIES,
    TABLES,
    compared_columns,
    digests,
    read_tables,
    recorded_digests,
    recorded_tables,
    run_studies,
)
from tests.recorded import TOLERANCE, differences


@pytest.fixture(scope="module")
def recorded():
    return recorded_tables()


@pytest.fixture(scope="module")
def measured(tmp_path_factory, forks):
    """The environment, and the tables of the six studies as they come out now."""
    here = CommandLine(tmp_path_factory.mktemp("bits"), forks)

    def run(*arguments):
        ran = here.run(*arguments)
        assert ran.code == 0, ran.err

    run_studies(here.folder, run)
    return read_tables(here.folder)


def of(study, tables, name):
    table = tables[name]
    return table[table["study"] == study].reset_index(drop=True)


@pytest.mark.parametrize("study", STUDIES)
def test_every_table_of_a_study_is_as_it_was(study, measured, recorded):
    """To the bit where digests of this environment are known; elsewhere within a tolerance, and of
    an adaptive study, whose trials may be others there, how many trials it has."""
    environment, tables = measured
    known = recorded_digests().get(environment)
    if known is not None:
        found = digests(tables, compared_columns(recorded))[study]
        changed = [name for name in TABLES if found[name] != known[study][name]]
        first = [
            f"{name}: {line}"
            for name in changed
            for line in differences(of(study, recorded, name), of(study, tables, name), 0.0)
        ]
        assert not changed, first or "the tables were recorded in another environment"
        return
    if study in ADAPTIVE:
        trials = of(study, recorded, "results")["trial"].tolist()
        assert of(study, tables, "results")["trial"].tolist() == trials
        return
    for name in TABLES:
        found = differences(of(study, recorded, name), of(study, tables, name), TOLERANCE)
        assert not found, f"{name}: {found}"


def test_the_studies_have_everything_in_them(recorded):
    results = recorded["results"]
    levels = {"topology": 4, "activation": 9, "initialization": 9, "optimizer": 5}
    assert {name: results[name].nunique() for name in levels} == levels
    assert set(results["state"]) == {"COMPLETE", "PRUNED"}
    assert {"1", "2", ""} <= set(results["early_stopping_patience"])
    assert set(results["ensemble_size"]) == {"1", "2", "3"}
    assert (results["dropout"].astype(float) > 0).any()
    noisy = results["train_accuracy_clean"] != ""
    assert set(results["study"][noisy]) == {"noise"}
    assert set(results["study"]) == set(STUDIES)
