"""The token of the clusters that a launch starts on this machine.

Ray listens on every interface and runs whatever code reaches it, so since 2.60 it gives local
clusters a token, in ~/.ray/auth_token, which it makes readable by every user of the machine.
"""

import contextlib
import os
import secrets
from pathlib import Path

GIVEN_BY_USER = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


def keep_token_private() -> None:
    """See that Ray finds a token that only this user can read; what the user set stays as it is.

    Where no home folder can be written, the token lives in this process's environment.
    """
    if any(name in os.environ for name in GIVEN_BY_USER):
        return
    try:
        path = Path.home() / ".ray" / "auth_token"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write_private(path)
        path.chmod(0o600)
    except (OSError, RuntimeError):  # the second: nobody knows where this user's home folder is
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _write_private(path: Path) -> None:
    complete = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with open(os.open(complete, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
        file.write(secrets.token_hex(32))
    try:
        # Another launch may have been quicker: its token is the one.
        with contextlib.suppress(FileExistsError):
            os.link(complete, path)
    finally:
        complete.unlink()
