"""The table that README begins with is read as README says."""

from pathlib import Path

from typer.testing import CliRunner

from study.cli import app

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def make_the_table():
    text = README.partition("## Your own data\n")[2]
    exec(text.partition("```python\n")[2].partition("```")[0], {})


def test_the_first_table_is_read_as_it_is_said_to_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_the_table()
    said = CliRunner().invoke(app, ["check", "patients.csv", "--target", "outcome"])
    assert said.exit_code == 0
    assert f"```\n{said.stdout}```" in README


def test_a_first_specification_can_be_checked_and_is_not_written_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_the_table()
    options = ["--target", "outcome", "--drop", "ward,smoker"]
    written = CliRunner().invoke(app, ["init", "patients.csv", *options])
    assert (written.exit_code, written.stdout) == (0, "")
    own = CliRunner().invoke(app, ["check", "patients.yaml"])
    assert own.exit_code == 0
    assert "left out: 'smoker', 'ward' (data.drop)" in own.stdout
    again = CliRunner().invoke(app, ["init", "patients.csv", *options])
    assert "patients.yaml is there already" in str(again.exception)
