"""Who gets in, and what they cannot do there."""

import re
import sqlite3
from contextlib import closing

import pytest

from storage.database.opening import open_database
from tests.integration.dashboard.conftest import TOKEN, Serve
from tests.integration.storage.test_following import measured_study, rows


@pytest.fixture
def url(sqlite_url):
    """A database with one measured study."""
    with open_database(sqlite_url) as database:
        measured_study(database, "digits")
    return sqlite_url


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Cookie": f"token={TOKEN}"},
        {"X-Token": TOKEN},
    ],
)
def test_without_the_token_there_is_nothing_to_see(url, serve: Serve, headers):
    served = serve(url)
    served.token = None
    for path in (
        "/api/studies",
        f"/api/studies?token={TOKEN}",
        "/static/bundle.js",
        "/csv/1",
        "/x",
    ):
        answer = served("GET", path, headers=headers)
        assert answer.status == 401
        assert "digits" not in answer.text
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert TOKEN not in " ".join(served.told)


def test_a_person_signs_in_goes_on_where_they_wanted_to_and_signs_out(url, serve: Serve):
    served = serve(url)
    served.token = None
    person = {"Accept": "text/html,*/*"}
    sent = served("GET", "/dashboard/studies/1?a=b", headers=person)
    assert (sent.status, sent.headers["Location"]) == (
        303,
        "/login?next=%2Fdashboard%2Fstudies%2F1%3Fa%3Db",
    )
    assert 'value="/dashboard/studies/1?a=b"' in served("GET", sent.headers["Location"]).text
    wrong = served.form("/login", token="not the token", next="/report/")
    assert wrong.status == 401
    assert wrong.headers["Set-Cookie"] is None
    assert "This is not the token." in wrong.text
    right = served.form("/login", token=TOKEN, next="/report/")
    assert (right.status, right.headers["Location"]) == (303, "/report/")
    cookie = right.headers["Set-Cookie"]
    assert TOKEN not in cookie
    rules = cookie.lower().split("; ")[1:]
    assert {"httponly", "samesite=strict", "path=/"} <= set(rules)
    session = {"Cookie": f"theirs=;;x; {cookie.partition(';')[0]}"}
    assert served("GET", "/api/studies", headers=session).status == 200
    assert served("GET", "/login", headers=session).headers["Location"] == "/"
    assert served("DELETE", "/api/studies/1", headers=session).status == 403
    left = served("POST", "/logout", b"", headers=session)
    assert "Max-Age=0" in left.headers["Set-Cookie"]
    assert served("GET", "/api/studies", headers={"Cookie": session["Cookie"] + "0"}).status == 401


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil", "/logout"]
)
def test_signing_in_leads_nowhere_else(url, serve: Serve, elsewhere):
    served = serve(url)
    served.token = None
    assert served.form("/login", token=TOKEN, next=elsewhere).headers["Location"] == "/"


def test_guessing_is_slowed_down_and_ends_no_session(url, serve: Serve):
    served = serve(url)
    served.token = None
    cookie = served.form("/login", token=TOKEN).headers["Set-Cookie"].partition(";")[0]
    answers = [
        served("GET", "/api/studies", headers={"Authorization": f"Bearer {n}"}) for n in range(40)
    ]
    assert {answer.status for answer in answers} == {401, 429}
    assert served.form("/login", token=TOKEN).status == 429
    assert served("GET", "/api/studies", headers={"Cookie": cookie}).status == 200


@pytest.mark.parametrize("token", [TOKEN, None])
def test_a_page_that_made_its_name_ours_gets_nothing(url, serve: Serve, token):
    served = serve(url, token=token)
    for host in ("evil.example", "evil.example:8080", "10.1.2.3"):
        answer = served("GET", "/api/studies", headers={"Host": host})
        assert answer.status == 421
        assert "STUDY_DASHBOARD_HOSTS" in answer.json["reason"]
    assert served("GET", "/api/studies", headers={"Host": "studies.example.org"}).status == 200


def fill(rule: str) -> str:
    """A path for a rule of bottle's, with ids that exist."""
    named = {"study_id": "1", "trial_id": "1", "plot_type": "slice", "name": "bar.js"}
    path = re.sub(r"<(\w+)[^/]*>", lambda wild: named.get(wild[1], "0"), rule)
    return re.sub(r"<:re.*", "", path)


def test_no_request_that_passes_a_read_only_dashboard_writes(url, serve: Serve):
    served = serve(url)
    routes = [(one.method, fill(one.rule)) for one in served.application.inner.routes]
    reading = [path for method, path in routes if method == "GET"]
    changing = [(method, path) for method, path in routes if method != "GET"]
    assert len(reading) > 15
    assert len(changing) > 15
    file = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as watching:
        version = watching.execute("PRAGMA data_version").fetchone()
        statuses = [served("GET", path).status for path in reading]
        assert statuses.count(200) >= 9, list(zip(reading, statuses, strict=True))
        for method, path in changing:
            if path in ("/login", "/logout"):
                continue
            answer = served(method, path, {"study_name": "other", "state": "Fail"})
            assert answer.status == 403, path
            assert "--allow-edit" in answer.json["reason"]
        assert watching.execute("PRAGMA data_version").fetchone() == version
        with closing(sqlite3.connect(file)) as other:
            other.execute("UPDATE studies SET study_name = 'x'")
            other.commit()
        assert watching.execute("PRAGMA data_version").fetchone() != version


def test_another_site_changes_nothing_even_where_changes_are_allowed(url, serve: Serve):
    served = serve(url, token=None, allow_edit=True)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = served("DELETE", "/api/studies/1", headers=headers)
        assert answer.status == 403
        assert "another site" in answer.json["reason"]
    note = {"body": "a", "version": 1}
    ours = {"Origin": served.address}
    assert served("PUT", "/api/studies/1/note", note, ours).status == 204


def test_health_is_told_to_everybody_and_says_nothing_else(url, serve: Serve):
    served = serve(url)
    served.token = None
    answer = served("GET", "/healthz", headers={"Host": "10.1.2.3"})
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert served("POST", "/healthz", b"").status == 401


def test_without_a_token_nobody_is_asked_for_one(url, serve: Serve):
    served = serve(url, token=None)
    assert served("GET", "/api/studies").status == 200
    assert served("GET", "/login").headers["Location"] == "/"
    assert "Sign out" not in served("GET", "/dashboard").text


def test_every_kind_of_answer_is_protected(url, serve: Serve):
    served = serve(url)
    for path in ("/", "/dashboard", "/api/studies", "/static/bundle.js", "/report/", "/nothing"):
        answer = served("GET", path)
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert ("no-store" in answer.headers["Cache-Control"]) != path.startswith("/static/")
    head = served("HEAD", "/api/studies")
    assert (head.status, head.content) == (200, b"")


def test_a_database_that_is_away_is_one_line(serve: Serve, private_postgres_server, capfd):
    url = private_postgres_server.get_uri()
    with open_database(url) as database:
        measured_study(database, "digits")
        assert rows(database)["results"] == 3
    served = serve(url)
    assert served("GET", "/healthz").status == 200
    assert served("GET", "/api/studies").status == 200
    private_postgres_server.cleanup()
    for path in ("/api/studies", "/api/studies/1", "/csv/1", "/report/", "/report/digits"):
        answer = served("GET", path)
        assert answer.status == 503, path
        assert answer.json == {"reason": "the database does not answer; try again later"}
    health = served("GET", "/healthz")
    assert (health.status, health.json) == (503, {"status": "the database does not answer"})
    assert not any("\n" in line or "File" in line for line in served.told)
    assert any(" GET /csv/1: 503 in " in line for line in served.told)
    assert capfd.readouterr() == ("", "")
