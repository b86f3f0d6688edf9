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
        ("postgresql://me@host/caf\udce9", "cannot be read"),
        (
            "postgresql://me@host/db?ssl_mode=secret",
            "an option 'ssl_mode' that postgresql does not",
        ),
        ("sqlite:///study.db?cache=shared", "an option 'cache' that sqlite does not know (known: "),
        *(
            (
                f"sqlite:///study.db?{option}",
                f"{option.partition('=')[0]}={option.partition('=')[2]!r}",
            )
            for option in ("timeout=soon", "timeout=-1", "timeout=nan", "timeout=1e300")
        ),
        ("sqlite:///study.db?cached_statements=x", "cached_statements='x'; give a whole number"),
        ("sqlite:///study.db?cached_statements=-1", "cached_statements='-1'; give a whole number"),
        ("sqlite:///study.db?cached_statements=9999999999", "'9999999999'; give a whole number"),
        ("sqlite:///study.db?detect_types=9", "detect_types='9'; give a whole number from 0 to 3"),
        ("sqlite:///study.db?timeout=1&timeout=2", "the option 'timeout' twice; give it once"),
        ("postgresql://h/db?password=secret&password=b", "the option 'password' twice; give it"),
        ("postgresql://h/db?port=x", "the options host and port of the database URL cannot be"),
        ("postgresql://h/db?host=a&host=b&port=1&port=2&port=3", "host and port"),
        ("sqlite:///what?.db", "and '.db' is none; rename the file"),
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


@pytest.mark.parametrize("name", ["a%20b.db", "50 %#1;.db", "it's.db", "와인.db", "caf\udce9.db"])
def test_a_file_of_sqlites_is_called_as_it_is_written(tmp_path: Path, name: str):
    url = f"sqlite:///{tmp_path}/{name}"
    with open_database(url) as database:
        assert database.url == url
        with open_database(database.url, create=False):
            pass
    assert (tmp_path / name).is_file()


def test_an_option_that_sqlite_knows_stays_in_the_url(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/study.db?timeout=5"
    with open_database(url) as database:
        assert database.url == url
    assert (tmp_path / "study.db").is_file()


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
