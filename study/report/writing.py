"""The command `study report`: which format, and where to."""

import sys
from enum import StrEnum
from pathlib import Path

from study.analysis import load_measurements
from study.errors import InvalidInput
from study.report.building import build_report, picture
from study.report.markdown import as_markdown
from study.report.outputs.formats import format_of
from study.report.outputs.images import as_png
from study.report.page import as_page, picture_page
from workers.calling_program import undisturbed

LONGEST_FILE_NAME = 255  # bytes, on the usual file systems


class Style(StrEnum):
    """How a report is written."""

    HTML = "html"
    MARKDOWN = "md"
    PNG = "png"


@undisturbed()
def write_report(
    study: str, storage: str, style: str | None, figure: str | None, output: Path | None
) -> str | None:
    """Write a report and return where to; None for stdout.

    style None follows the output's ending, and is html without an output. HTML and PNG go to a
    file, named after the study unless output says otherwise; Markdown to stdout or to output.

    Raises:
        InvalidInput: an unknown format or ending, or they contradict each other; an unknown figure,
            a PNG without a figure, an unwritable file.
    """
    chosen = format_of(output, style, list(Style), Style.HTML)
    if figure is None and chosen is Style.PNG:
        raise InvalidInput("--format png is one picture; add --figure NAME")
    if figure is not None and chosen is Style.MARKDOWN:
        raise InvalidInput("--format md has no pictures; use --format html or png")
    measurements = load_measurements(study, storage)
    if figure is None:
        report = build_report(measurements)
        text = as_markdown(report) if chosen is Style.MARKDOWN else as_page(report)
        content = text.encode()
    else:
        drawn = picture(measurements, figure)
        if drawn is None:
            raise InvalidInput(f"--figure {figure}: this study has nothing to draw it from")
        png = chosen is Style.PNG
        content = as_png(study, drawn) if png else picture_page(study, drawn).encode()
    if chosen is Style.MARKDOWN and output is None:
        sys.stdout.write(content.decode())
        return None
    path = output or _named_after(study, f"-{figure or 'report'}.{chosen.value}")
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"--output {path}: cannot be written: {error.strerror}") from None
    return str(path)


def _named_after(study: str, ending: str) -> Path:
    """A file called like the study, whose name is cut where the file system would refuse it."""
    kept = study.encode()[: LONGEST_FILE_NAME - len(ending)].decode(errors="ignore")
    return Path(kept + ending)
