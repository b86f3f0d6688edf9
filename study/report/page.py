"""A report as one HTML file: the drawing library and every figure inside, no network."""

from html import escape
from importlib import resources
from typing import Any

import pandas as pd
import plotly.io

from study.report.building import Picture, Report
from study.report.style import percent, points, shown_p

_CONFIG = {"displaylogo": False, "responsive": True, "showTips": False}


def as_page(report: Report, *, above: str = "") -> str:
    """The whole page; above: HTML to begin it with."""
    body = "\n".join(
        [
            above,
            f"<h1>{escape(report.study)}</h1>",
            '<section class="answer">' + _paragraphs(report.answer) + "</section>",
            *(f'<p class="caution">{escape(word)}</p>' for word in report.cautions),
            _claims(report.claims),
            *(_picture(picture) for picture in report.pictures),
            "<h2>The best configurations</h2>",
            _best(report.best_table),
            f"<h2>The best configuration, to copy</h2><pre>{escape(report.configuration)}</pre>",
            "<h2>How the study was run</h2>",
            _facts(report.facts),
            *(f'<p class="caution">failed: {escape(reason)}</p>' for reason in report.failures),
        ]
    )
    return _whole(report.study, body)


def picture_page(study: str, picture: Picture, *, tools: bool = True) -> str:
    """A page with one picture and nothing else; tools: with buttons to zoom and pan."""
    return _whole(study, _picture(picture, tools=tools))


def _whole(title: str, body: str) -> str:
    style = resources.files("study.report").joinpath("page.css").read_text(encoding="utf-8")
    library = resources.files("plotly").joinpath("package_data/plotly.min.js")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Without an icon of its own a page asks its host for one.
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n"
        f"<script>{library.read_text(encoding='utf-8')}</script>\n"
        f"</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _paragraphs(sentences: tuple[str, ...]) -> str:
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _picture(picture: Picture, *, tools: bool = True) -> str:
    drawn = plotly.io.to_html(
        picture.figure,
        include_plotlyjs=False,
        full_html=False,
        config=_CONFIG if tools else {**_CONFIG, "displayModeBar": False},
        div_id=picture.name,
    )
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>"
    return f"<figure>{drawn}{caption}</figure>"


def _claims(table: pd.DataFrame | None) -> str:
    if table is None:
        return ""
    rows = "".join(_claim(row) for row in table.to_dict("records"))
    head = "<th>claim</th><th>verdict</th><th>estimate</th><th>difference (95 % interval)</th>"
    return f"<h2>Claims</h2><table><tr>{head}<th>p (Holm)</th></tr>{rows}</table>"


def _claim(row: dict[Any, Any]) -> str:
    verdict = escape(row["verdict"])
    kind = verdict.replace(" ", "-")
    return (
        f"<tr><td>{escape(row['says'])}</td><td class='{kind}'>{verdict}</td>"
        f"<td>{row['first']:.3f} vs {row['second']:.3f}</td>"
        f"<td>{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})</td>"
        f"<td>{escape(shown_p(row['p_holm']))}</td></tr>"
    )


def _best(table: pd.DataFrame) -> str:
    head = "<th>trial</th><th>train</th><th>test (95 %)</th><th>gap in points (95 %)</th>"
    rows = "".join(
        f"<tr><td>{row['trial']}</td><td>{percent(row['train_accuracy'])}</td>"
        f"<td>{percent(row['test_accuracy'])} ({percent(row['test_low'])} to "
        f"{percent(row['test_high'])})</td><td>{points(row['generalization_gap'])} "
        f"({points(row['gap_low'])} to {points(row['gap_high'])})</td></tr>"
        for row in table.to_dict("records")
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _facts(facts: dict[str, str]) -> str:
    rows = "".join(
        f"<tr><th>{escape(label)}</th><td>{escape(text)}</td></tr>" for label, text in facts.items()
    )
    return f"<table class='facts'>{rows}</table>"
