"""The names that the dashboard goes by.

A page of another site can make a browser look its own name up as our address, and would then be
asking us as itself (DNS rebinding). It asks for its own name, which is not one of these.
"""

from ipaddress import ip_address

from study.dashboard.access import host_of
from study.errors import InvalidInput

VARIABLE = "STUDY_DASHBOARD_HOSTS"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


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
            f"{VARIABLE}: found {given!r}; give names such as studies.example.org, with commas"
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


_OF_NAMES = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_:[]")
