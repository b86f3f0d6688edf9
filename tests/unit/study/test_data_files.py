"""The file that a specification means is told from another one of its name."""

import hashlib
from pathlib import Path

import pytest

from study.errors import InvalidInput
from study.specification.data_files import check_files, with_sha256
from study.specification.files import validated
from study.specification.spec import DataSpec, StudySpec


@pytest.fixture
def here(tmp_path):
    """The data as they are found here, in files of two rows."""
    for name in ("rows.csv", "later.csv"):
        (tmp_path / name).write_text(f"a,target\n1,{name}\n")
    return DataSpec(source=str(tmp_path / "rows.csv"), test=str(tmp_path / "later.csv"))


def hash_of(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_the_files_that_can_be_read_are_recorded_and_no_others(here, tmp_path):
    meant = with_sha256(DataSpec(source="rows.csv", test="later.csv"), here)
    assert (meant.source, meant.test) == ("rows.csv", "later.csv")
    assert (meant.sha256, meant.test_sha256) == (hash_of(here.source), hash_of(here.test))
    (tmp_path / "later.csv").unlink()
    assert with_sha256(DataSpec(source="rows.csv", test="later.csv"), here).test_sha256 is None
    assert with_sha256(DataSpec(source="wine"), DataSpec(source="wine")).sha256 is None


@pytest.mark.parametrize("field", ["source", "test"])
def test_another_file_of_the_name_is_refused(here, tmp_path, field):
    meant = with_sha256(DataSpec(source="rows.csv", test="later.csv"), here)
    check_files(meant, here)
    (tmp_path / getattr(meant, field)).write_text("a,target\n2,other\n")
    with pytest.raises(InvalidInput, match=rf"data\.{field}: .* is another file here"):
        check_files(meant, here)
    with pytest.raises(InvalidInput, match="is another file here"):
        with_sha256(meant, here)


def test_a_hash_of_what_is_no_file_or_no_hash_is_refused():
    wine = DataSpec(source="wine", sha256="0" * 64)
    with pytest.raises(InvalidInput, match=r"data\.sha256: .*'wine' is no data file"):
        check_files(wine, wine)
    for wrong in ("0" * 63, "G" * 64):
        with pytest.raises(InvalidInput, match=r"data\.sha256: found .* sha256sum"):
            validated({"name": "x", "data": {"source": "a.csv", "sha256": wrong}}, "file")


def test_it_is_no_part_of_what_makes_two_specifications_the_same_search():
    plain = StudySpec(name="x", data=DataSpec(source="a.csv"))
    meant = StudySpec(name="x", data=DataSpec(source="a.csv", sha256="0" * 64))
    assert plain.sha256() == meant.sha256()
