"""What browsers are told, and the bar on Optuna's pages."""

import base64
import hashlib

import pytest
from bottle import Bottle

from study.dashboard.frame import with_bar
from study.dashboard.headers import scripts_of, with_security_headers
from study.dashboard.routes import find, replace
from study.errors import StudyFailed


def policy(path, given=()):
    return dict(with_security_headers(path, list(given)))["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/api/studies", "/dashboard", "/report/", "/static/x", "/x"])
def test_no_answer_is_framed_sniffed_or_named_to_others(path):
    told = dict(with_security_headers(path, []))
    assert told["X-Frame-Options"] == "DENY"
    assert told["X-Content-Type-Options"] == "nosniff"
    assert told["Referrer-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in told["Content-Security-Policy"]
    kept = "private, no-cache" if path.startswith("/static/") else "no-store"
    assert told["Cache-Control"] == kept


def test_only_optuna_s_pages_evaluate_and_ours_name_their_own_policy():
    assert "'unsafe-eval'" in policy("/dashboard/studies/1")
    assert "'unsafe-eval'" not in policy("/dashboards")
    ours = [("content-security-policy", "default-src 'none'; script-src 'sha256-x'")]
    assert policy("/report/a", ours) == ours[0][1]
    assert policy("/dashboard", ours) != ours[0][1]


def test_what_would_weaken_an_answer_is_taken_away_and_the_rest_is_kept():
    given = [("Cache-Control", "public"), ("access-control-allow-origin", "*"), ("ETag", "1")]
    told = with_security_headers("/static/bundle.js", given)
    assert [text for name, text in told if name.title() == "Cache-Control"] == ["private, no-cache"]
    assert ("ETag", "1") in told
    assert "Access-Control-Allow-Origin" not in {name.title() for name, _ in told}


def test_scripts_are_known_by_their_text_as_a_browser_reads_it():
    page = "<p onclick='no()'><script>a < b\r\n</script><script src='x'></script><script>a</script>"
    texts = ("a < b\n", "", "a")
    expected = (base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in texts)
    assert scripts_of(page) == tuple(expected)


def test_the_bar_says_what_can_be_done():
    page = "<html><head></head><body><div></div></body></html>"
    watching = with_bar(page, allow_edit=False, can_leave=True)
    assert 'href="/report/"' in watching
    assert "read-only" in watching
    assert "Sign out" in watching
    editing = with_bar(page, allow_edit=True, can_leave=False)
    assert "read-only" not in editing
    assert "Sign out" not in editing


def test_a_page_that_is_not_optuna_s_is_not_framed():
    with pytest.raises(StudyFailed, match="not known here"):
        with_bar("<html></html>", allow_edit=False, can_leave=False)


def test_a_route_is_replaced_and_one_that_is_missing_is_noticed():
    app = Bottle()
    app.route("/a/<n:int>", "POST", theirs := lambda n: f"theirs {n}")
    assert replace(app, "POST", "/a/<n:int>", lambda n: f"ours {n}") is theirs
    route, arguments = app.match({"REQUEST_METHOD": "POST", "PATH_INFO": "/a/1"})
    assert route.call(**arguments) == "ours 1"
    with pytest.raises(StudyFailed, match="no route DELETE /a/<n:int>"):
        find(app, "DELETE", "/a/<n:int>")
