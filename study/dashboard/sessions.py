"""Who has given the token: a session in a cookie, of which the token cannot be found.

A session says until when it lasts, with a code (HMAC) under a key that is derived from the token.
So sessions outlive a restart, end when the token is replaced, and nothing is kept of them.
"""

import hashlib
import hmac

SECONDS = 12 * 3600
"""How long a session lasts."""


class Sessions:
    """Makes and checks the sessions of one token; safe to share between threads."""

    def __init__(self, token: str) -> None:
        self._token = _digest(token)
        # Slow to derive, so that a stolen session does not help to guess a token.
        self._key = hashlib.scrypt(
            token.encode(), salt=b"overfit-study dashboard", n=2**14, r=8, p=1, dklen=32
        )
        # Cookies know no ports: two dashboards on a host must not end each other's sessions.
        self.cookie = f"study-{self._code(b'cookie')[:12]}"

    def is_token(self, given: str) -> bool:
        """Whether it is the token; takes as long for any other."""
        return hmac.compare_digest(self._token, _digest(given))

    def begin(self, now: float) -> str:
        """A session that lasts from now, in seconds since the epoch."""
        ends = str(int(now) + SECONDS)
        return f"{ends}.{self._code(ends.encode())}"

    def is_valid(self, session: str, now: float) -> bool:
        """Whether it was made here and has not ended."""
        ends, _, code = session.partition(".")
        if not hmac.compare_digest(self._code(ends.encode()).encode(), code.encode()):
            return False
        return now < int(ends)

    def _code(self, text: bytes) -> str:
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
