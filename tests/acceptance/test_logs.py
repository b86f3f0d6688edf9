"""The logs of a launch: what a program that reads them can rely on."""

import json
from datetime import UTC, datetime

import pytest

from study import load_results

QUICK = ("--ray", "serial", "--trials", "4")


def lines_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_logs_are_all_that_stderr_has_and_say_what_the_database_says(study, small):
    ran = study.run("launch", small, *QUICK, "--log-format", "json", "--log-level", "debug")
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
    committed = sum(line["complete"] for line in lines if line["event"] == "trials committed")
    assert committed == 4
    assert {"lease taken", "study began", "study ended"} <= {line["event"] for line in lines}


def test_every_line_has_a_time_in_utc_and_a_level_and_the_study_that_it_is_of(study, small):
    before = datetime.now(UTC)
    ran = study.run("launch", small, *QUICK, "--log-format", "json")
    for line in lines_of(ran.err):
        when = datetime.fromisoformat(str(line["time"]))
        assert before <= when <= datetime.now(UTC)
        assert str(line["time"]).endswith("Z")
        assert line["level"] in {"info", "warning"}
    of_the_study = [line for line in lines_of(ran.err) if line["event"] == "trials committed"]
    assert of_the_study
    assert all(line["study"] == "small" for line in of_the_study)


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
