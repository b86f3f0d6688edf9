"""The token of local clusters: there before Ray looks for it, and nobody else's to read."""

import os
import stat
from pathlib import Path

import pytest

from workers.pools.ray_token import GIVEN_BY_USER, keep_token_private


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in GIVEN_BY_USER:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_token_is_long_and_private(home):
    keep_token_private()
    token = home / ".ray" / "auth_token"
    assert len(token.read_text()) == 64
    assert mode(token) == 0o600
    assert mode(token.parent) == 0o700
    assert list(token.parent.iterdir()) == [token]


def test_a_token_that_is_there_stays_and_becomes_private(home):
    token = home / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("a" * 64)
    token.chmod(0o644)
    keep_token_private()
    assert token.read_text() == "a" * 64
    assert mode(token) == 0o600


def test_what_the_user_decided_is_left_alone(home, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    keep_token_private()
    assert not (home / ".ray").exists()


def test_without_a_home_to_write_to_the_token_is_in_the_environment(home, monkeypatch):
    (home / ".ray").write_text("in the way")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "to be removed again")
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    keep_token_private()
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
