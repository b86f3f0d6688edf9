"""Which requests are allowed: pure decisions on what a request says of itself."""

from collections.abc import Set
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, in Optuna's dashboard and here."""

HEALTH, LOGIN, LOGOUT = "/healthz", "/login", "/logout"


@dataclass(frozen=True, slots=True)
class Rules:
    """hosts: the names that the dashboard goes by, see study.dashboard.hosts; allow_edit: studies
    may be changed through it."""

    hosts: Set[str]
    allow_edit: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says of itself. host is the header Host as it came, origin the header Origin
    and site Sec-Fetch-Site; None where there is none."""

    method: str
    path: str
    host: str | None
    origin: str | None = None
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a request that is not allowed, in one line."""

    status: HTTPStatus
    reason: str


def refuse(asked: Asked, rules: Rules, *, signed_in: bool) -> Refusal | None:
    """Why the request is not allowed; None: it is.

    signed_in: it has the token or a session, or none is needed. Without that nobody learns what
    would be allowed otherwise.
    """
    if asked.path == HEALTH and asked.method in READING:
        return None
    if host_of(asked.host) not in rules.hosts:
        return Refusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            "this dashboard does not go by the name in Host; name it in STUDY_DASHBOARD_HOSTS "
            "where it is started",
        )
    about_session = asked.path in (LOGIN, LOGOUT)
    if not signed_in and not about_session:
        return Refusal(
            HTTPStatus.UNAUTHORIZED,
            "this dashboard needs its token: sign in at /login, or send the header "
            "'Authorization: Bearer TOKEN'",
        )
    return None if asked.method in READING else _refuse_change(asked, rules, about_session)


def _refuse_change(asked: Asked, rules: Rules, about_session: bool) -> Refusal | None:
    if _from_another_site(asked):
        return Refusal(HTTPStatus.FORBIDDEN, "another site asked for this; ask from the dashboard")
    if not rules.allow_edit and not about_session:
        return Refusal(
            HTTPStatus.FORBIDDEN,
            "this dashboard is read-only; to change studies, start it with --allow-edit",
        )
    return None


def host_of(header: str | None) -> str | None:
    """The name or address in a header Host, without its port and brackets; None: there is none."""
    if not header:
        return None
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


def is_local_path(path: str) -> bool:
    """Whether a browser that is sent there stays on this host: not for //host, nor \\host."""
    plain = path.isprintable() and path.isascii() and "\\" not in path
    return plain and path.startswith("/") and not path.startswith("//")


def _from_another_site(asked: Asked) -> bool:
    """Programs send neither header; browsers send at least one, and pages cannot forge them."""
    if asked.origin is not None:
        # A proxy may speak TLS for us, so the scheme may differ.
        return urlsplit(asked.origin).netloc.lower() != (asked.host or "").lower()
    return asked.site not in (None, "same-origin", "none")
