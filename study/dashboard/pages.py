"""The frame of our own pages."""

from html import escape
from importlib import resources


def page_around(title: str, body: str) -> str:
    """A page without scripts and without anything to load."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{style()}</style>\n"
        f"</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def style() -> str:
    """The CSS of reports, and what our other pages need beside it."""
    reports = resources.files("study.report").joinpath("page.css").read_text(encoding="utf-8")
    return reports + (
        resources.files("study.dashboard").joinpath("assets", "page.css").read_text("utf-8")
    )


def message_page(title: str, text: str) -> str:
    """A page with one message and a link back."""
    return page_around(
        title,
        f'{links_back()}<h1>{escape(title)}</h1><p class="caution">{escape(text)}</p>',
    )


def links_back(*further: str) -> str:
    """The line of links above a page. further: links as HTML."""
    links = ('<a href="/dashboard">Dashboard</a>', '<a href="/report/">Reports</a>', *further)
    return f'<nav class="above">{"".join(links)}</nav>'
