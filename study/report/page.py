"""A report as one HTML file: the drawing library and every figure inside, no network."""

import re
from html import escape, unescape
from importlib import resources

import pandas as pd
import plotly.io

from study.report.building import Picture, Report
from study.report.glossary import labels_of, terms_in
from study.report.markdown import CLAIM_HEAD, claim_cells, turned
from study.report.style import CONFIG


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
            _data(report.data),
            "<h2>How the study was run</h2>",
            _facts(report.facts),
            *(f'<p class="caution">failed: {escape(reason)}</p>' for reason in report.failures),
        ]
    )
    return _whole(report.study, body + _glossary(body, report.pictures))


def picture_page(study: str, picture: Picture, *, tools: bool = True) -> str:
    """A page with one picture and nothing else; tools: with buttons to zoom and pan."""
    return _whole(study, _picture(picture, tools=tools))


def _whole(title: str, body: str) -> str:
    style = resources.files("study.report").joinpath("page.css").read_text(encoding="utf-8")
    library = resources.files("plotly").joinpath("package_data/plotly.min.js")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Pictures are drawn on white: a browser must not darken what is around them.
        '<meta name="color-scheme" content="light">\n'
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
        config={**CONFIG} if tools else {**CONFIG, "displayModeBar": False},
        div_id=picture.name,
    )
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>"
    return f"<figure>{drawn}{caption}</figure>"


def _claims(table: pd.DataFrame | None) -> str:
    if table is None:
        return ""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in CLAIM_HEAD)
    rows = "".join(_claim(claim_cells(row)) for row in table.to_dict("records"))
    return f"<h2>Claims</h2><table><tr>{head}</tr>{rows}</table>"


def _claim(cells: tuple[str, ...]) -> str:
    says, verdict, *rest = map(escape, cells)
    kind = verdict.replace(" ", "-")
    others = "".join(f"<td>{cell}</td>" for cell in rest)
    return f"<tr><td>{says}</td><td class='{kind}'>{verdict}</td>{others}</tr>"


def _best(table: pd.DataFrame) -> str:
    rows = "".join(
        f"<tr><th>{escape(heading)}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for heading, *cells in turned(table)
    )  # fmt: skip
    return f"<table class='best'>{rows}</table>"


def _glossary(body: str, pictures: list[Picture]) -> str:
    """The terms that the page's words and its pictures' labels use."""
    words = [re.sub(r"<script.*?</script>|<[^>]+>", " ", body, flags=re.DOTALL)]
    words += [label for picture in pictures for label in labels_of(picture.figure)]
    terms = terms_in(unescape("\n".join(words)))
    if not terms:
        return ""
    rows = "".join(
        f"<dt>{escape(term)}</dt><dd>{escape(meaning)}</dd>" for term, meaning in terms.items()
    )
    return f"<h2>Words</h2><dl class='words'>{rows}</dl>"


def _data(lines: tuple[str, ...]) -> str:
    if not lines:
        return ""
    return f"<h2>The data, as they were read</h2><pre>{escape(chr(10).join(lines))}</pre>"


def _facts(facts: dict[str, str]) -> str:
    rows = "".join(
        f"<tr><th>{escape(label)}</th><td>{escape(text)}</td></tr>" for label, text in facts.items()
    )
    return f"<table class='facts'>{rows}</table>"
