"""A model's folder is there as a whole, or not at all."""

import errno

import pytest

from study import InvalidInput
from study.models.directory import check_free, written_at_once


def files(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_appears_at_the_end(tmp_path):
    with written_at_once(tmp_path / "a" / "model") as folder:
        (folder / "model.json").write_text("new")
        assert not (tmp_path / "a" / "model").exists()
    assert files(tmp_path) == {"a/model/model.json": "new"}


def write_half(model, interruption):
    with written_at_once(model) as folder:
        (folder / "model.json").write_text("half")
        raise interruption


@pytest.mark.parametrize(
    ("interruption", "seen"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(errno.ENOSPC, "No space left on device"), InvalidInput),
    ],
)
def test_whatever_interrupts_the_writing_the_old_model_stays(tmp_path, interruption, seen):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("old")
    with pytest.raises(seen):
        write_half(tmp_path / "model", interruption)
    assert files(tmp_path) == {"model/model.json": "old"}
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    check_free(tmp_path / "link", force=False)
    with written_at_once(tmp_path / "link") as folder:
        (folder / "model.json").write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "model.json").read_text() == "new"
