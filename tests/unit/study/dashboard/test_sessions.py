"""Tokens, sessions, and how many tokens may be wrong."""

import hashlib
import re

import pytest
from itsdangerous import Signer

from study.dashboard.credentials import (
    FAILURES_AT_ONCE,
    FAILURES_PER_SECOND,
    SESSION_SECONDS,
    TOKEN_VARIABLE,
    FailureLimit,
    Sessions,
    find_token,
    is_read_by_others,
)
from study.errors import InvalidInput

TOKEN = "0123456789abcdef" * 4
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def sessions():
    return Sessions(TOKEN)


def test_only_the_token_is_the_token(sessions):
    assert sessions.is_token(TOKEN)
    for other in ("", TOKEN[:-1], TOKEN + "0", TOKEN.upper(), "ü\ud800"):
        assert not sessions.is_token(other)


def test_a_session_lasts_its_time_and_holds_no_part_of_the_token(sessions):
    session = sessions.open_session(NOW)
    assert sessions.is_valid(session, NOW)
    assert sessions.is_valid(session, NOW + SESSION_SECONDS - 1)
    assert not sessions.is_valid(session, NOW + SESSION_SECONDS)
    assert not any(TOKEN[start : start + 8] in session for start in range(len(TOKEN) - 8))


def test_a_session_outlives_a_restart_and_ends_with_its_token(sessions):
    session = sessions.open_session(NOW)
    assert Sessions(TOKEN).is_valid(session, NOW)
    other = Sessions(TOKEN.replace("0", "1"))
    assert not other.is_valid(session, NOW)
    assert other.cookie != sessions.cookie


def test_a_session_that_was_tampered_with_is_none(sessions):
    ends, _, code = sessions.open_session(NOW).partition(".")
    changed = ("0" if code[0] != "0" else "1") + code[1:]
    for forged in ("", ".", code, f"{int(ends) + 1}.{code}", f"{ends}.{changed}", f"{ends}.é"):
        assert not sessions.is_valid(forged, NOW)


def test_what_was_signed_for_another_purpose_is_no_session(sessions):
    text = str(int(NOW) + SESSION_SECONDS).encode()
    key = hashlib.scrypt(
        TOKEN.encode(), salt=b"overfit-study dashboard", n=2**14, r=8, p=1, dklen=32
    )
    for salt, valid in ((b"session", True), (b"another", False)):
        signer = Signer(key, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)
        assert sessions.is_valid(signer.sign(text).decode(), NOW) is valid


def test_the_cookie_has_a_name_that_browsers_take(sessions):
    assert re.fullmatch(r"study-[A-Za-z0-9_-]{12}", sessions.cookie)


def test_guessing_ends_after_some_tries_and_goes_on_slowly():
    limit = FailureLimit().refilled(100.0)
    for _ in range(FAILURES_AT_ONCE):
        assert not limit.exhausted
        limit = limit.after_failure()
    assert limit.exhausted
    assert limit.refilled(100.0 + 0.9 / FAILURES_PER_SECOND).exhausted
    assert not limit.refilled(100.0 + 1.1 / FAILURES_PER_SECOND).exhausted
    assert limit.refilled(1e9).left == FAILURES_AT_ONCE


def test_a_token_is_read_from_its_file_before_the_environment(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    other = {TOKEN_VARIABLE: "f" * 32}
    assert find_token(file, other) == TOKEN
    assert find_token(None, other) == "f" * 32
    assert find_token(None, {}) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("hunter2", "fewer than 16 characters"),
        ("correct horse battery staple", "is one word"),
        ("pässword" * 4, "is one word"),
        ("x" * 2000, "is one word of up to 1024"),
    ],
)
def test_what_could_protect_nothing_is_refused_without_repeating_it(tmp_path, text, what):
    file = tmp_path / "token"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=what) as refused:
        find_token(file, {})
    assert str(refused.value).startswith(f"--token-file {file}: ")
    assert not text.strip() or text.strip()[:60] not in str(refused.value)
    with pytest.raises(InvalidInput, match=f"^{TOKEN_VARIABLE}: .*{what}"):
        find_token(None, {TOKEN_VARIABLE: text})


def test_a_token_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=f"--token-file {tmp_path}/none: cannot be read"):
        find_token(tmp_path / "none", {})
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        find_token(tmp_path, {})


def test_a_token_file_that_others_read_is_noticed(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o644)
    assert is_read_by_others(file)
    file.chmod(0o600)
    assert not is_read_by_others(file)
