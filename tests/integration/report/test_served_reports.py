"""Reports in the dashboard: reached from the list, computed once, one at a time."""

import gzip
import re
import threading

import pytest

from storage.database.opening import open_database
from storage.reading.frames import load_results
from storage.studies.deletion import rename_study
from storage.studies.runs import read_run
from study.dashboard import reports as computing
from study.dashboard.reports import Busy, Reports, report_path
from study.launching.confirming import confirm
from study.launching.launch import launch
from study.specification.files import validated
from tests.integration.dashboard.conftest import Served, serving
from tests.integration.report.conftest import ONE


@pytest.fixture
def served(storage):
    with serving(storage, None) as dashboard:
        yield dashboard


def test_every_study_is_listed_with_a_way_to_its_report(served: Served):
    page = served("GET", "/report/").text
    for name in ("grid", "adaptive", "one", "nothing"):
        assert f'<a href="/report/{name}">{name}</a>' in page
    ids = re.findall(r'href="/dashboard/studies/(\d+)"', page)
    sent = served("GET", f"/report/?study_id={ids[-1]}")
    assert (sent.status, sent.headers["Location"]) == (303, "/report/grid")
    assert served("GET", "/report/?study_id=99").status == 200


def test_the_report_of_a_study_whose_name_a_browser_would_resolve_away_has_an_address(
    served: Served,
):
    assert (report_path("."), report_path("..")) == ("/report/?study=.", "/report/?study=..")
    assert served("GET", "/report/?study=grid").text == served("GET", "/report/grid").text
    assert served("GET", report_path("..")).status == 404  # there is none


def test_a_report_is_the_whole_page_with_a_policy_that_lists_its_scripts(served: Served):
    answer = served("GET", "/report/grid", headers={"Accept-Encoding": "gzip"})
    assert answer.status == 200
    assert answer.headers["Content-Encoding"] == "gzip"
    page = gzip.decompress(answer.content).decode()
    assert "Deep &lt;sigmoid&gt; networks are worse" in page
    assert '<a href="/report/">Reports</a>' in page
    assert "12 finished trials" in page
    policy = answer.headers["Content-Security-Policy"]
    assert policy.count("'sha256-") == len(set(re.findall(r"<script.*?</script>", page, re.S)))
    assert "script-src 'sha256-" in policy
    assert "'unsafe-eval'" not in policy
    assert served("GET", "/report/grid").text == page


@pytest.mark.parametrize(("name", "status"), [("nope", 404), ("../etc/passwd", 404), ("<b>", 404)])
def test_a_study_that_is_not_there_is_said_to_be_so(served: Served, name, status):
    answer = served("GET", f"/report/{name}")
    assert answer.status == status
    assert "no study is called" in answer.text
    assert "<b>" not in answer.text


def test_a_renamed_study_goes_on_and_its_report_is_computed_anew_once(sqlite_url, monkeypatch):
    two = ONE | {"sampler": "random", "budget": {"trials": 2}, "search": {"depth": [1, 2, 3]}}
    launch(validated(two, "one"), storage=sqlite_url, ray="serial")
    computed = []
    compute = computing._compute
    monkeypatch.setattr(
        computing, "_compute", lambda *given: (computed.append(given), compute(*given))[1]
    )
    with open_database(sqlite_url) as database:
        reports = Reports(database, sqlite_url)
        first = reports.page("one")
        assert reports.page("one") is first
        rename_study(database, "one", "two")
        second = reports.page("two")
        assert b"<h1>two</h1>" in gzip.decompress(second.compressed)
        three = read_run(database, "two").specification | {"budget": {"trials": 3}}
        launch(validated(three, "two"), storage=sqlite_url, ray="serial")
        assert load_results("two", database)["trial"].tolist() == [0, 1, 2]
        assert b"3 finished trials" in gzip.decompress(reports.page("two").compressed)
        assert reports.page("two") is not second
        assert len(computed) == 3


def test_a_confirmation_has_the_report_computed_anew(sqlite_url):
    launch(validated(ONE, "one"), storage=sqlite_url, ray="serial")
    with open_database(sqlite_url) as database:
        reports = Reports(database, sqlite_url)
        first = reports.page("one")
        confirm("one", storage=sqlite_url, cluster="serial")
        second = reports.page("one")
        assert second is not first
        assert reports.page("one") is second


def test_one_report_is_computed_at_a_time_and_few_wait(storage, monkeypatch):
    began, go_on = threading.Event(), threading.Event()
    page = computing.ReportPage(b"", ())

    def wait(*_given):
        began.set()
        assert go_on.wait(20)
        return page

    monkeypatch.setattr(computing, "_compute", wait)
    with open_database(storage) as database:
        reports = Reports(database, storage)
        got = []
        threads = [
            threading.Thread(target=lambda name=name: got.append(reports.page(name)))
            for name in ("grid", "one")
        ]
        threads[0].start()
        assert began.wait(20)
        threads[1].start()
        try:
            while reports._waiting._value:
                threading.Event().wait(0.01)
            with pytest.raises(Busy):
                reports.page("adaptive")
        finally:
            go_on.set()
            for thread in threads:
                thread.join(20)
        assert got == [page, page]
