"""Run every teaching study and put its verdicts and pictures into docs/lessons.md.

    python docs/lessons.py [--storage sqlite:///catalog.db] [--ray serial]

A study that is complete in the database is not run again. Nothing in the tables is written by
hand: what stands between <!-- verdicts NAME --> and <!-- end --> is replaced.
"""

import argparse
import re
from pathlib import Path

from study import catalog
from study.analysis import load_measurements, verdicts
from study.errors import InvalidInput
from study.launching.launch import launch
from study.report.building import picture
from study.report.markdown import claims_table
from study.report.outputs.images import as_png
from study.specification.files import read_specification

PAGE = Path(__file__).parent / "lessons.md"
MARKED = re.compile(r"(<!-- verdicts ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
PICTURE = re.compile(r"\(lessons/([a-z-]+)\.([a-z-]+)\.png\)")


def main() -> None:
    """Run, judge, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--storage", default="sqlite:///catalog.db", metavar="URL")
    parser.add_argument("--ray", metavar="ADDRESS", help="a Ray cluster, or serial")
    arguments = parser.parse_args()
    for name in catalog.names():
        spec = read_specification(name)
        if spec.claims:
            print(f"{name} …", flush=True)
            launch(spec, storage=arguments.storage, ray=arguments.ray)
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        MARKED.sub(lambda match: _judged(match, arguments.storage), text), encoding="utf-8"
    )
    try:
        _draw(text, arguments.storage)
    except InvalidInput as error:
        print(f"pictures stay as they are: {error}")


def _judged(match: "re.Match[str]", storage: str) -> str:
    opening, name, closing = match.groups()
    table = verdicts(load_measurements(name, storage), read_specification(name).claims)
    return f"{opening}\n{claims_table(table)}\n\n{closing}"


def _draw(text: str, storage: str) -> None:
    for name, figure in PICTURE.findall(text):
        drawn = picture(load_measurements(name, storage), figure)
        if drawn is not None:
            path = PAGE.parent / "lessons" / f"{name}.{figure}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(as_png(name, drawn))


if __name__ == "__main__":
    main()
