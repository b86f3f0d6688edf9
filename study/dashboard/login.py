"""Signing in with the token, and signing out."""

import time
from collections.abc import Callable
from html import escape
from typing import Any

from study.dashboard.access import LOGIN, LOGOUT, is_local_path
from study.dashboard.credentials import SESSION_SECONDS, Sessions
from study.dashboard.guard import SIGNED_IN
from study.dashboard.headers import POLICY_OF_PAGES
from study.dashboard.pages import page_around
from study.dashboard.routes import add, send

_WRONG = "This is not the token."
_TOO_MANY = "Too many wrong tokens in a short time. Try again in a few seconds."


def add_login(
    app: Any, sessions: Sessions | None, check_token: Callable[[str], bool | None]
) -> None:
    """Sign in with the token, and sign out. sessions is None where no token is needed."""
    from bottle import request, response

    def page(error: str = "") -> str:
        response.set_header("Content-Security-Policy", POLICY_OF_PAGES)
        return _page(_next(request.params.getunicode("next")), error)

    def ask() -> str:
        if sessions is None or request.environ.get(SIGNED_IN):
            return send(_next(request.params.getunicode("next")))
        return page()

    def enter() -> str:
        entered = check_token((request.forms.getunicode("token") or "").strip())
        if entered is None:
            response.status = 429
            response.set_header("Retry-After", "5")
            return page(_TOO_MANY)
        if not entered:
            response.status = 401
            return page(_WRONG)
        if sessions is not None:
            set_cookie(sessions.cookie, sessions.open_session(time.time()), SESSION_SECONDS)
        return send(_next(request.params.getunicode("next")))

    def leave() -> str:
        if sessions is not None:
            set_cookie(sessions.cookie, "", 0)
        return send(LOGIN)

    def set_cookie(name: str, text: str, seconds: int) -> None:
        # Only a proxy knows whether the way to the browser is encrypted; who lies about it gets a
        # cookie that does not come back.
        secure = request.get_header("X-Forwarded-Proto") == "https"
        rules = {"path": "/", "httponly": True, "samesite": "Strict", "max_age": seconds}
        response.set_cookie(name, text, secure=secure, **rules)

    add(app, "GET", LOGIN, ask)
    add(app, "POST", LOGIN, enter)
    add(app, "POST", LOGOUT, leave)


def _next(wanted: str | None) -> str:
    """Where to go on: what was asked for, if that is on this host and is no way out."""
    path = wanted or "/"
    return path if is_local_path(path) and not path.startswith((LOGIN, LOGOUT)) else "/"


def _page(then: str, error: str) -> str:
    told = f'<p class="caution" role="alert">{error}</p>' if error else ""
    return page_around(
        "Sign in",
        f"""<form class="card" method="post" action="{LOGIN}">
<h1>Studies</h1>
<p>This dashboard needs its token. Whoever started it can tell you.</p>
{told}<input type="hidden" name="next" value="{escape(then)}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button>
</form>""",
    )
