"""Which requests are allowed: pure decisions on what a request says of itself.

A page of another site can make a browser look its own name up as our address, and would then be
asking us as itself (DNS rebinding). It asks for its own name, which is none of the names that the
dashboard goes by.
"""

from collections.abc import Set
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from study.errors import InvalidInput

HOSTS_VARIABLE = "STUDY_DASHBOARD_HOSTS"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_OF_NAMES = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_:[]")

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, in Optuna's dashboard and here."""

HEALTH, LOGIN, LOGOUT = "/healthz", "/login", "/logout"


@dataclass(frozen=True, slots=True)
class Rules:
    """hosts: the names that the dashboard goes by, see study.dashboard.access; allow_edit: studies
    may be changed through it."""

    hosts: Set[str]
    allow_edit: bool


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of a request on which the decision rests. host is the header Host as it came,
    origin the header Origin and site Sec-Fetch-Site; None where there is none."""

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


def refuse(request: Request, rules: Rules, *, signed_in: bool) -> Refusal | None:
    """Why the request is not allowed; None: it is.

    signed_in: it has the token or a session, or none is needed. Without that nobody learns what
    would be allowed otherwise.
    """
    if request.path == HEALTH and request.method in READING:
        return None
    if host_of(request.host) not in rules.hosts:
        return Refusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            "this dashboard does not go by the name in Host; name it in STUDY_DASHBOARD_HOSTS "
            "where it is started",
        )
    about_session = request.path in (LOGIN, LOGOUT)
    if not signed_in and not about_session:
        return Refusal(
            HTTPStatus.UNAUTHORIZED,
            "this dashboard needs its token: sign in at /login, or send the header "
            "'Authorization: Bearer TOKEN'",
        )
    return None if request.method in READING else _refuse_change(request, rules, about_session)


def _refuse_change(request: Request, rules: Rules, about_session: bool) -> Refusal | None:
    if _from_another_site(request):
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


def _from_another_site(request: Request) -> bool:
    """Programs send neither header; browsers send at least one, and pages cannot forge them."""
    if request.origin is not None:
        # A proxy may speak TLS for us, so the scheme may differ.
        return urlsplit(request.origin).netloc.lower() != (request.host or "").lower()
    return request.site not in (None, "same-origin", "none")


def allowed_hosts(bound: str, listed: str | None) -> frozenset[str]:
    """The names of this machine for itself, what was bound, and those listed, with commas.

    Raises InvalidInput for something listed that is no name.
    """
    names = {part.strip() for part in (listed or "").split(",")} - {""}
    return _LOOPBACK | {bound.lower()} | {_name(given) for given in names}


def _name(given: str) -> str:
    # An IPv6 address is written in brackets, or bare as nowhere else.
    name = given.lower() if is_address(given) else host_of(given)
    if name is None or not set(given.lower()) <= _OF_NAMES:
        raise InvalidInput(
            f"{HOSTS_VARIABLE}: found {given!r}; "
            "give names such as studies.example.org, with commas"
        )
    return name


def is_address(text: str) -> bool:
    """Whether text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Whether nobody but this machine reaches an address that is bound."""
    return ip_address(address.partition("%")[0]).is_loopback
