"""The dashboard's token, the sessions of those who gave it, and the rate of wrong ones.

The token comes from a file or the environment, never from an argument. A session says until when
it lasts, signed (HMAC) with a key that is derived from the token. So sessions outlive a restart,
end when the token is replaced, and nothing is kept of them.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from itsdangerous import BadSignature, Signer

from study.errors import InvalidInput

TOKEN_VARIABLE = "STUDY_DASHBOARD_TOKEN"
SHORTEST, LONGEST = 16, 1024
_HOW = """make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"""


def find_token(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """The token in the file, else in the environment; None: there is none.

    Raises:
        InvalidInput: it cannot be read, or is none that could protect anything. What was found is
            not repeated.
    """
    if file is not None:
        return _checked(_read(file), f"--token-file {file}")
    text = environment.get(TOKEN_VARIABLE)
    return None if text is None else _checked(text.strip(), TOKEN_VARIABLE)


def is_read_by_others(file: Path) -> bool:
    """Whether other users can read a file of ours. One that is not ours was given to us so."""
    state = file.stat()
    return state.st_uid == os.geteuid() and bool(state.st_mode & 0o044)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(LONGEST + 3)
    except OSError as error:
        raise InvalidInput(f"--token-file {file}: cannot be read: {error.strerror}") from None
    return content.decode("latin-1").strip()


def _checked(token: str, where: str) -> str:
    if not token:
        raise InvalidInput(f"{where}: is empty; {_HOW}")
    if len(token) < SHORTEST:
        raise InvalidInput(f"{where}: has fewer than {SHORTEST} characters; {_HOW}")
    if len(token) > LONGEST or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidInput(
            f"{where}: a token is one word of up to {LONGEST} letters, digits and signs; {_HOW}"
        )
    return token


SESSION_SECONDS = 12 * 3600
"""How long a session lasts."""


class Sessions:
    """Makes and checks the sessions of one token; safe to share between threads."""

    def __init__(self, token: str) -> None:
        self._token = _digest(token)
        # Slow to derive, so that a stolen session does not help to guess a token.
        key = hashlib.scrypt(
            token.encode(), salt=b"overfit-study dashboard", n=2**14, r=8, p=1, dklen=32
        )
        self._signer = Signer(
            key, salt=b"session", key_derivation="hmac", digest_method=hashlib.sha256
        )
        # Cookies know no ports: two dashboards on a host must not end each other's sessions.
        self.cookie = f"study-{self._signer.get_signature('cookie').decode()[:12]}"

    def is_token(self, given: str) -> bool:
        """Whether it is the token; takes as long for any other."""
        return hmac.compare_digest(self._token, _digest(given))

    def open_session(self, now: float) -> str:
        """A session that lasts from now, in seconds since the epoch."""
        return self._signer.sign(str(int(now) + SESSION_SECONDS)).decode()

    def is_valid(self, session: str, now: float) -> bool:
        """Whether it was made here and has not ended; takes as long for any signature."""
        try:
            ends = self._signer.unsign(session)
        except BadSignature:
            return False
        return now < int(ends)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


FAILURES_PER_SECOND = 2.0
FAILURES_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """How many more tokens may be wrong, as of a moment on any clock of seconds: a token bucket.

    Counted for all who ask together: behind a proxy they have one address, and a token of 16
    characters is not found at this pace.
    """

    left: float = FAILURES_AT_ONCE
    at: float = 0.0

    def refilled(self, now: float) -> "FailureLimit":
        """The limit now: time gives new tries."""
        gained = max(now - self.at, 0.0) * FAILURES_PER_SECOND
        return FailureLimit(min(self.left + gained, FAILURES_AT_ONCE), now)

    @property
    def exhausted(self) -> bool:
        """No token is looked at now, not even the right one: else guessing would go on."""
        return self.left < 1

    def after_failure(self) -> "FailureLimit":
        """The limit once one more was wrong."""
        return replace(self, left=self.left - 1)
