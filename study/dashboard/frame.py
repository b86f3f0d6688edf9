"""Optuna's pages with a bar: a link to the report of the study that is shown, and sign-out.

The bar is beside what Optuna's script draws and not within it, and is served with the page, so that
no study has to carry a note or an attribute for it.
"""

from importlib import resources
from typing import Any

from study.dashboard.access import LOGOUT
from study.dashboard.routes import add, replace, send
from study.errors import StudyFailed

_ASSETS = {"bar.js": "text/javascript; charset=utf-8", "bar.css": "text/css; charset=utf-8"}


def add_frame(app: Any, *, allow_edit: bool, can_leave: bool) -> None:
    """Put the bar on every page of Optuna's. can_leave: there is a session to end."""
    from bottle import response

    theirs = resources.files("optuna_dashboard").joinpath("index.html").read_text("utf-8")
    page = with_bar(theirs, allow_edit=allow_edit, can_leave=can_leave)

    def index() -> str:
        response.content_type = "text/html; charset=utf-8"
        return page

    def asset(name: str) -> str:
        response.content_type = _ASSETS[name]
        return resources.files("study.dashboard").joinpath("assets", name).read_text("utf-8")

    replace(app, "GET", "/dashboard<:re:(/.*)?>", index)
    # Relative: only a proxy knows what the browser calls us.
    replace(app, "GET", "/", lambda: send("/dashboard"))
    add(app, "GET", "/assets/<name:re:bar\\.(js|css)>", asset)


def with_bar(page: str, *, allow_edit: bool, can_leave: bool) -> str:
    """The page with the bar.

    Raises:
        StudyFailed: it is not the page that was known when this was written.
    """
    if page.count("</head>") != 1 or page.count("</body>") != 1:
        raise StudyFailed("this version of optuna-dashboard has a page that is not known here")
    leave = f'<form method="post" action="{LOGOUT}"><button>Sign out</button></form>'
    bar = (
        '<nav id="study-bar"><a id="study-report" href="/report/">Overfitting report</a>'
        + ("" if allow_edit else '<span id="study-mode">read-only</span>')
        + (leave if can_leave else "")
        + '<span id="study-told" role="status" hidden></span></nav>'
    )
    head = (
        '<link rel="stylesheet" href="/assets/bar.css"><script defer src="/assets/bar.js"></script>'
    )
    return page.replace("</head>", f"{head}</head>").replace("</body>", f"{bar}</body>")
