"""What a user types becomes a database, or one clear line."""

import pickle
from pathlib import Path

import pytest

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.database.urls import parse_url, refuse_network_file_system
from storage.errors import DatabaseMissing, DatabaseNotWritable, NetworkFileSystem, UrlRefused


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_means_psycopg_3(scheme: str):
    assert parse_url(f"{scheme}://me@host/db").drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study.db", "not a database URL; write one such as sqlite:///study.db"),
        ("folder/study.db", "not a database URL"),
        ("me:secret@host/db", "not a database URL"),
        ("mysql://me:secret@host/db", "'mysql' databases are not supported"),
        ("mysql+pymysql://me:secret@host/db", "'mysql+pymysql' databases are not supported"),
        ("sqlite://", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("sqlite:///file:x?mode=memory&uri=true", "not supported"),
        ("postgresql://me:secret@host:port/db", "cannot be read"),
        ("sqlite:///of-bytes-\udcff.db", "cannot be read"),
    ],
)
def test_what_cannot_hold_a_study_is_refused_in_one_line_without_a_password(text: str, said: str):
    with pytest.raises(UrlRefused) as caught:
        open_database(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_not_created_unless_asked_for(tmp_path: Path):
    with pytest.raises(DatabaseMissing, match="no database at"):
        open_database(f"sqlite:///{tmp_path}/absent.db", create=False)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(DatabaseNotWritable, match=r"folder of .*absent/study.db does not exist"):
        open_database(f"sqlite:///{tmp_path}/absent/study.db")


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "lustre"])
def test_sqlite_on_a_network_file_system_is_refused_naming_postgresql(tmp_path: Path, kind: str):
    mounts = tmp_path / "mounts"
    shared = str(tmp_path / "my data").replace(" ", "\\040")
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/export {shared} {kind} rw 0 0\n")
    refuse_network_file_system(tmp_path / "study.db", mounts)
    with pytest.raises(NetworkFileSystem, match=rf"network file system \({kind}\).*postgresql://"):
        refuse_network_file_system(tmp_path / "my data" / "study.db", mounts)


@pytest.mark.parametrize("text", ["me:secret@host/db", "me@host/db?password=secret"])
def test_a_database_shows_no_password_and_keeps_it_for_a_copy(text: str):
    database = Database(parse_url(f"postgresql://{text}"))
    assert "secret" not in f"{database!r} {database.url}"
    assert "secret" in pickle.loads(pickle.dumps(database)).engine.url.render_as_string(False)
    assert pickle.loads(pickle.dumps(database)).url == database.url
