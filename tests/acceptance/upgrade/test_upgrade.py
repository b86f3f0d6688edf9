"""What version 0.1 left behind goes on: its databases, its queue and its exports.

The files are in tests/data/v0_1. Numbers are those of version 0.1 to the bit where this machine
computes the same bits, elsewhere within the tolerance that a replay states.
"""

import pandas as pd
import pytest

from study import load_model
from tests.acceptance.upgrade.conftest import DATA, Old
from tests.recorded import TOLERANCE, differences, read_table
from tests.service_processes import serving

EXPECTED = DATA / "expected"
# How many trials each study has in the end, and the trials of version 0.1 that are replayed.
TRIALS = {"halfway": 12, "varied": 13, "tpe": 20, "pruned": 18, "defaults": 1, "people": 8}
TRIALS_OF_THE_QUEUE = 6
REPLAYED = {"halfway": 4, "varied": 7, "tpe": 15, "pruned": 13, "defaults": 0, "people": 0}
SOME = frozenset({"halfway", "people"})
EXPORTED = {"people": 0, "varied": 2}
# Their trials follow from those before: where other bits are computed, other ones may come out.
ADAPTIVE = frozenset({"tpe", "pruned"})


@pytest.fixture
def old(request, server) -> Old:
    return request.getfixturevalue(server)


def each(*names: str) -> pytest.MarkDecorator:
    """All these studies on SQLite; on PostgreSQL, where little is different, those of SOME."""
    cases = [("sqlite", name) for name in names]
    cases += [("postgresql", name) for name in names if name in SOME]
    return pytest.mark.parametrize(("server", "name"), cases)


@pytest.fixture(scope="module")
def exact(sqlite) -> bool:
    """Whether this machine computes the bits of the one that version 0.1 ran on."""
    return "bit for bit" in sqlite.run("replay", "defaults", "0").err


@each(*TRIALS)
def test_a_study_goes_on_as_it_would_have(old, exact, name):
    old.run("resume", name, "--trials", str(max(TRIALS[name], 2)), "--ray", "serial")
    check_results(old, name, exact)


def check_results(old: Old, name: str, exact: bool) -> None:
    output = old.command.folder / "results.csv"
    old.run("results", name, "--format", "csv", "--output", str(output))
    expected, found = read_table(EXPECTED / f"{name}.csv"), read_table(output)
    assert len(found) == TRIALS.get(name, TRIALS_OF_THE_QUEUE)
    if name in ADAPTIVE and not exact:
        expected, found = expected[["study", "trial"]], found[["study", "trial"]]
    assert differences(expected, found, 0.0 if exact else TOLERANCE) == []


@each(*REPLAYED)
def test_a_trial_is_replayed(old, exact, name):
    said = old.run("replay", name, str(REPLAYED[name])).err
    assert f"trial {REPLAYED[name]} of study {name!r}: 0 of " in said
    assert ("compared bit for bit" in said) is exact


@pytest.mark.parametrize(
    ("server", "name"), [*(("sqlite", name) for name in TRIALS), ("postgresql", "people")]
)
def test_a_study_is_reported(old, name):
    page = old.command.folder / "page.md"
    old.run("report", name, "--output", str(page))
    assert name in page.read_text()
    assert name in old.run("status", name).out


@pytest.mark.filterwarnings("ignore:column .*:UserWarning")  # what the models do not know
@each(*EXPORTED)
def test_a_trial_is_exported_to_what_version_0_1_exported(old, exact, name, tmp_path):
    old.run("export", name, str(EXPORTED[name]), "--output", str(tmp_path / "model"))
    new, before = load_model(tmp_path / "model"), load_model(DATA / "exports" / name)
    assert (new.labels, new.features) == (before.labels, before.features)
    examples = pd.read_csv(DATA / f"{name}-new.csv")
    apart = (new.predict_proba(examples) - before.predict_proba(examples)).abs().to_numpy().max()
    assert apart <= (0.0 if exact else TOLERANCE)


@pytest.mark.parametrize("name", EXPORTED)
def test_an_export_predicts_what_it_predicted(command, exact, name):
    ran = command.run("predict", str(DATA / "exports" / name), str(DATA / f"{name}-new.csv"))
    assert ran.code == 0, ran.err
    (command.folder / "predicted.csv").write_text(ran.out)
    expected = read_table(EXPECTED / f"{name}-predicted.csv")
    found = read_table(command.folder / "predicted.csv")
    assert differences(expected, found, 0.0 if exact else 1e-4) == []


@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_the_queue_is_served(old, exact, tmp_path):
    assert "queued (1 of 1)" in old.run("status", "queued").out
    with serving(tmp_path / "service", old.url, "--ray", "serial") as service:
        assert "Best of 6 trials" in old.run("watch", "queued").out
        assert service.stop() == 0
    check_results(old, "queued", exact)
