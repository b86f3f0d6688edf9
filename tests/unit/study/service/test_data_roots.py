"""A queued study reads what lies below the data roots, whatever it writes as a path."""

import os
from pathlib import Path

import pytest

from study.errors import InvalidInput
from study.service.data_roots import DataRules, permitted, roots_in
from study.specification.spec import DataSpec


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Two data roots, and a folder beside them; each with files."""
    first, second, outside = (tmp_path / name for name in ("first", "second", "first-not"))
    for folder in (first, second, outside):
        (folder / "team").mkdir(parents=True)
    (first / "both.csv").touch()
    (second / "both.csv").touch()
    (second / "team" / "rows.parquet").touch()
    (outside / "secret.csv").touch()
    return first, second, outside


def resolved(rules: DataRules, source: str, **others: str) -> DataSpec:
    return permitted(DataSpec(source=source, **others), rules)


def test_a_relative_path_is_that_of_the_first_root_that_has_it(places):
    first, second, _ = places
    rules = DataRules((first, second))
    assert resolved(rules, "both.csv").source == str(first / "both.csv")
    assert resolved(rules, "team/rows.parquet").source == str(second / "team" / "rows.parquet")
    assert resolved(rules, "team/../both.csv").source == str(first / "both.csv")


def test_an_absolute_path_below_a_root_is_read(places):
    first, second, _ = places
    path = str(second / "both.csv")
    assert resolved(DataRules((first, second)), path).source == path


def test_the_test_file_is_held_to_the_same_rule(places):
    first, second, outside = places
    rules = DataRules((first, second))
    data = resolved(rules, "both.csv", test="team/rows.parquet")
    assert data.test == str(second / "team" / "rows.parquet")
    with pytest.raises(InvalidInput, match=r"data\.test: .* lies outside of"):
        resolved(rules, "both.csv", test=str(outside / "secret.csv"))
    with pytest.raises(InvalidInput, match=r"data\.test: .* reads no files"):
        resolved(DataRules(), "wine", test="both.csv")


@pytest.mark.parametrize(
    "path",
    [
        "../first-not/secret.csv",
        "team/../../first-not/secret.csv",
        "{outside}/secret.csv",
        "{first}/../first-not/secret.csv",
        "../absent.csv",
        "{outside}/absent.csv",
        "/etc/passwd.csv",
        "link.csv",
        "folder/secret.csv",
        "loop.csv",
        "nul\0.csv",
        "x" * 5000 + ".csv",
        "../" * 5000 + "x.csv",
    ],
)
def test_what_leads_outside_is_refused_whether_or_not_it_is_there(places, path):
    first, second, outside = places
    (first / "link.csv").symlink_to(outside / "secret.csv")
    (second / "folder").symlink_to(outside)
    (first / "folder").symlink_to("../first-not")
    (first / "loop.csv").symlink_to("loop.csv")
    (second / "link.csv").symlink_to("../first-not/secret.csv")
    (second / "loop.csv").symlink_to("loop.csv")
    given = path.format(first=first, outside=outside)
    with pytest.raises(InvalidInput, match=r"data roots$"):
        resolved(DataRules((first, second)), given)


def test_a_link_that_stays_inside_is_followed(places):
    first, second, _ = places
    (first / "alias.csv").symlink_to("both.csv")
    assert resolved(DataRules((first, second)), "alias.csv").source == str(first / "both.csv")


def test_a_root_may_itself_be_a_link(places, tmp_path):
    first, _, _ = places
    (tmp_path / "data").symlink_to(first)
    rules = DataRules((tmp_path / "data",))
    assert resolved(rules, "both.csv").source == str(first / "both.csv")


def test_what_is_below_a_root_and_no_file_is_not_there(places):
    first, second, _ = places
    os.mkfifo(first / "pipe.csv")
    (first / "folder.csv").mkdir()
    for given in ("absent.csv", "pipe.csv", "folder.csv"):
        with pytest.raises(InvalidInput, match=f"'{given}': there is no such file below"):
            resolved(DataRules((first, second)), given)


def test_without_roots_only_built_in_data_are_read(places):
    first, _, _ = places
    assert resolved(DataRules(), "digits").source == "digits"
    assert resolved(DataRules(), "parity:5").source == "parity:5"
    for given in ("both.csv", str(first / "both.csv")):
        with pytest.raises(InvalidInput, match="this service reads no files"):
            resolved(DataRules(), given)


def test_openml_needs_to_be_allowed(places):
    first, _, _ = places
    with pytest.raises(InvalidInput, match="'openml:554' is refused"):
        resolved(DataRules((first,)), "openml:554")
    assert resolved(DataRules(openml=True), "openml:554").source == "openml:554"
    # A name that is both is OpenML's to the reader of data, and so it is here.
    with pytest.raises(InvalidInput, match="does not fetch"):
        resolved(DataRules((first,)), "openml:554.csv")


def test_roots_are_separated_like_those_of_path():
    assert roots_in(f"/a{os.pathsep}{os.pathsep}/b c") == (Path("/a"), Path("/b c"))
    assert roots_in(None) == roots_in("") == ()
