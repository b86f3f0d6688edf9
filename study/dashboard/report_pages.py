"""Our pages: the studies of the database, and the report of each."""

import gzip
from html import escape
from typing import Any

from storage.database.engine import Database
from storage.errors import StudyNotFound, StudyWithoutRun
from storage.reading.summaries import RunSummary, list_runs
from storage.studies.names import list_names_without_run
from study.dashboard.headers import POLICY_OF_PAGES, policy_for_scripts
from study.dashboard.pages import links_back, message_page, page_around
from study.dashboard.reports import Busy, Reports, report_path
from study.dashboard.routes import add, send
from study.errors import InvalidInput


def add_report_pages(app: Any, database: Database, reports: Reports) -> None:
    """The list at /report/, a report at /report/NAME, and one of a study that Optuna numbers at
    /report/?study_id=N, or whose name no path can have at /report/?study=NAME."""
    from bottle import request, response

    def index() -> bytes | str:
        named = request.query.getunicode("study")
        if named:
            return report(named)
        runs = list_runs(database)
        wanted = request.query.getunicode("study_id")
        for summary in runs:
            if str(summary.run.study_id) == wanted:
                return send(report_path(summary.run.study))
        response.set_header("Content-Security-Policy", POLICY_OF_PAGES)
        return _list(runs, list_names_without_run(database))

    def report(name: str) -> bytes | str:
        try:
            page = reports.page(name)
        except Busy:
            response.set_header("Retry-After", "5")
            return say(503, name, "Other reports are being computed. Try again in a moment.")
        except (StudyNotFound, StudyWithoutRun) as error:
            return say(404, name, f"{error}.")
        except InvalidInput as error:
            return say(409, name, f"{error}.")
        response.content_type = "text/html; charset=utf-8"
        response.set_header("Content-Security-Policy", policy_for_scripts(page.scripts))
        response.set_header("Vary", "Accept-Encoding")
        if "gzip" not in request.get_header("Accept-Encoding", ""):
            return gzip.decompress(page.compressed)
        response.set_header("Content-Encoding", "gzip")
        return page.compressed

    def say(status: int, name: str, text: str) -> str:
        response.status = status
        response.set_header("Content-Security-Policy", POLICY_OF_PAGES)
        return message_page(name, text)

    add(app, "GET", "/report", index)
    add(app, "GET", "/report/<name:path>", report)


def _list(runs: list[RunSummary], without: list[str]) -> str:
    if not runs:
        rows = '<p class="empty">No study yet: begin with <code>study launch</code>.</p>'
    else:
        head = "<th>study</th><th>status</th><th>finished trials</th><th>best</th><th></th>"
        newest = "".join(_row(summary) for summary in reversed(runs))
        rows = f"<table><tr>{head}</tr>{newest}</table>"
    others = "".join(
        f'<p class="empty">{escape(name)}: only Optuna\'s, nothing was measured.</p>'
        for name in without
    )
    return page_around("Reports", f"{links_back()}<h1>How much do they overfit?</h1>{rows}{others}")


def _row(summary: RunSummary) -> str:
    run = summary.run
    ended = sum(summary.trials.get(state, 0) for state in ("COMPLETE", "PRUNED", "FAIL"))
    best = ", ".join(
        f"{objective} {'–' if value is None else f'{value:.4g}'}"
        for objective, value in zip(
            run.specification.get("objective", ()), summary.best_values, strict=False
        )
    )
    return (
        f'<tr><td><a href="{report_path(run.study)}">{escape(run.study)}</a></td>'
        f"<td>{escape(run.status.value)}</td><td>{ended}</td><td>{escape(best)}</td>"
        f'<td><a href="/dashboard/studies/{run.study_id}">trials</a></td></tr>'
    )
