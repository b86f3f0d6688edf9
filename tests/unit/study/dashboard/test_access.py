"""Which requests are allowed."""

from dataclasses import replace
from http import HTTPStatus

import pytest

from study.dashboard.access import (
    Request,
    Rules,
    allowed_hosts,
    host_of,
    is_local_path,
    is_loopback,
    refuse,
)
from study.errors import InvalidInput

RULES = Rules(allowed_hosts("127.0.0.1", "studies.example.org"), allow_edit=False)
EDITING = replace(RULES, allow_edit=True)
READ = Request("GET", "/api/studies", "localhost:8080")
DELETE = Request("DELETE", "/api/studies/1", "localhost:8080")
ORIGIN = "http://localhost:8080"


def status(request: Request, rules: Rules = RULES, *, signed_in: bool = True) -> HTTPStatus | None:
    refusal = refuse(request, rules, signed_in=signed_in)
    return None if refusal is None else refusal.status


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_who_is_signed_in_may_read(method):
    assert status(replace(READ, method=method)) is None


def test_who_is_not_signed_in_learns_nothing_but_that():
    assert status(READ, signed_in=False) is HTTPStatus.UNAUTHORIZED
    assert status(DELETE, signed_in=False) is HTTPStatus.UNAUTHORIZED
    assert status(DELETE, EDITING, signed_in=False) is HTTPStatus.UNAUTHORIZED
    assert status(replace(READ, path="/static/bundle.js"), signed_in=False) is not None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "post", "X"])
def test_only_what_is_known_to_read_passes_a_read_only_dashboard(method):
    assert status(replace(DELETE, method=method)) is HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    ("origin", "site"), [(ORIGIN, "same-origin"), (ORIGIN, None), (None, None), (None, "none")]
)
def test_the_dashboard_and_programs_may_change_what_may_be_changed(origin, site):
    assert status(replace(DELETE, origin=origin, site=site), EDITING) is None


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        ("https://evil.example", None),
        ("http://localhost:9999", "same-site"),
        ("http://localhost.evil.example:8080", None),
        ("null", "cross-site"),
        (None, "cross-site"),
        (None, "same-site"),
    ],
)
def test_another_site_changes_nothing_with_somebody_s_session(origin, site):
    assert status(replace(DELETE, origin=origin, site=site), EDITING) is HTTPStatus.FORBIDDEN
    login = replace(DELETE, method="POST", path="/login", origin=origin, site=site)
    assert status(login, signed_in=False) is HTTPStatus.FORBIDDEN


def test_a_proxy_may_speak_tls_for_the_dashboard():
    request = Request("PUT", "/api/studies/1/note", "studies.example.org")
    assert status(replace(request, origin="https://studies.example.org"), EDITING) is None


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_a_session_can_be_begun_and_ended_where_nothing_may_be_changed(path):
    assert status(Request("POST", path, "localhost", ORIGIN.replace(":8080", ""))) is None
    assert status(Request("GET", path, "localhost"), signed_in=False) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "localhost.evil.example", "10.0.0.7", "", None]
)
def test_a_name_that_nobody_told_it_of_is_refused_before_all_else(host):
    assert status(replace(READ, host=host)) is HTTPStatus.MISDIRECTED_REQUEST
    request = replace(READ, host=host, path="/login")
    assert status(request, signed_in=False) is HTTPStatus.MISDIRECTED_REQUEST


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080", "studies.example.org:443"],
)
def test_its_own_names_are_known_with_any_port(host):
    assert status(replace(READ, host=host)) is None


def test_health_is_told_to_everybody_and_nothing_else_is_asked_there():
    assert status(Request("GET", "/healthz", "10.0.0.7:8080"), signed_in=False) is None
    assert status(Request("POST", "/healthz", "localhost"), signed_in=False) is not None
    for path in ("/healthz/", "/healthz/../api/studies", "//healthz", "/Healthz"):
        assert status(replace(READ, path=path), signed_in=False) is HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    ("header", "name"),
    [("A.example:80", "a.example"), ("[::1]:80", "::1"), ("[::1", None), ("", None)],
)
def test_a_host_is_read_without_its_port(header, name):
    assert host_of(header) == name


@pytest.mark.parametrize("path", ["/", "/report/a%20b?x=1", "/dashboard/studies/1"])
def test_a_path_of_this_host_is_told(path):
    assert is_local_path(path)


@pytest.mark.parametrize(
    "path",
    ["", "report", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nX: y"],
)
def test_what_leads_elsewhere_is_no_path_of_this_host(path):
    assert not is_local_path(path)


def test_listed_hosts_may_have_ports_and_blanks_around_them():
    hosts = allowed_hosts("10.0.0.7", " a.example:8443, B.example ,,[fd00::1]:80, fd00::2")
    assert {"a.example", "b.example", "fd00::1", "fd00::2", "10.0.0.7", "localhost"} <= hosts


@pytest.mark.parametrize("listed", ["*", "https://a.example", "a b", "a.example/x"])
def test_a_listed_host_that_is_no_name_is_refused(listed):
    with pytest.raises(InvalidInput, match="STUDY_DASHBOARD_HOSTS: found"):
        allowed_hosts("127.0.0.1", listed)


def test_loopback_is_what_only_this_machine_reaches():
    assert all(is_loopback(address) for address in ("127.0.0.1", "127.9.9.9", "::1"))
    assert not any(
        is_loopback(address) for address in ("0.0.0.0", "::", "10.0.0.7", "fe80::1%eth0")
    )
