"""The logs of a launch: what a program that reads them can rely on."""

import json
from datetime import UTC, datetime

import pytest

from study import load_results
from tests.acceptance.conftest import SMALL, CommandLine, Ran

QUICK = ("--ray", "serial", "--trials", "4")


def lines_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def launched(tmp_path_factory, forks) -> tuple[CommandLine, datetime, Ran]:
    """A launch with all that there is to log: where, from when on, and what it said."""
    study = CommandLine(tmp_path_factory.mktemp("logs"), forks)
    study.write("small.yaml", SMALL)
    before = datetime.now(UTC)
    options = ("--log-format", "json", "--log-level", "debug")
    return study, before, study.run("launch", "small.yaml", *QUICK, *options)


def test_json_logs_are_all_that_stderr_has_and_say_what_the_database_says(launched):
    study, _, ran = launched
    assert ran.code == 0
    lines = lines_of(ran.err)
    results = load_results("small", f"sqlite:///{study.folder / 'study.db'}")
    returned = {
        trial: line["cohort"]
        for line in lines
        if line["event"] == "cohort returned"
        for trial in line["trials"]
    }
    assert returned == dict(zip(results["trial"], results["cohort"], strict=True))
    committed = [line for line in lines if line["event"] == "trials committed"]
    assert sum(line["complete"] for line in committed) == 4
    assert sorted(trial for line in committed for trial in line["trials"]) == list(results["trial"])
    assert {c for line in committed for c in line["cohorts"]} == set(results["cohort"])
    assert {"lease taken", "study began", "study ended"} <= {line["event"] for line in lines}


def test_every_line_has_a_time_in_utc_and_a_level_and_the_study(launched):
    _, before, ran = launched
    lines = lines_of(ran.err)
    assert len(lines) >= 6
    for line in lines:
        when = datetime.fromisoformat(str(line["time"]))
        assert before <= when <= datetime.now(UTC)
        assert str(line["time"]).endswith("Z")
        assert line["level"] in {"debug", "info"}
        assert line["study"] == "small"


def test_a_launch_that_is_refused_says_so_in_a_line_of_the_logs(study, small):
    url = "postgresql://me:secret@127.0.0.1:1/db"
    ran = study.run("launch", small, *QUICK, "--storage", url, "--log-format", "json")
    assert ran.code == 2
    *_, line = lines_of(ran.err)
    assert line["level"] == "error"
    assert "cannot be reached" in str(line["event"])
    assert "secret" not in ran.err


def test_text_logs_name_the_event_and_the_study(study, small):
    ran = study.run("launch", small, *QUICK, "--log-format", "text")
    assert ran.code == 0
    (ended,) = [line for line in ran.err.splitlines() if "study ended" in line]
    assert "study=small" in ended
    assert "complete=4" in ended


def test_the_level_decides_what_is_worth_a_line(study, small):
    ran = study.run("launch", small, *QUICK, "--log-format", "json", "--log-level", "warning")
    assert ran.code == 0
    assert ran.err == ""


@pytest.mark.parametrize("option", ["--log-format", "--log-level"])
def test_an_unknown_format_or_level_is_refused_with_those_there_are(study, small, option):
    formats = () if option == "--log-format" else ("--log-format", "json")
    ran = study.run("launch", small, *QUICK, *formats, option, "xml")
    assert ran.code == 2
    line = ran.err.strip()
    assert f"{option}: found 'xml'; give one of" in line
    assert not (study.folder / "study.db").exists()
