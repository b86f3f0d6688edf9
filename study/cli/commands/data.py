"""Commands that look at data and train nothing: how a table is read, and a first specification."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from study.cli.application import DropOption, app, listed, say
from study.errors import InvalidInput
from study.monitoring.suggestion import command
from study.monitoring.terminal import data_console

if TYPE_CHECKING:
    from study.launching.plan import Plan

TargetOption = Annotated[
    str | None, typer.Option("--target", metavar="COLUMN", help="The column of labels.")
]
TestOption = Annotated[str | None, typer.Option("--test", metavar="FILE", help="Test examples.")]
GroupOption = Annotated[
    str | None,
    typer.Option(
        "--group", metavar="COLUMN", help="Rows with one value of it stay on one side of a split."
    ),
]


@app.command()
def check(
    source: Annotated[
        str, typer.Argument(metavar="FILE|SPEC.yaml|NAME", help="A table, or a specification.")
    ],
    target: TargetOption = None,
    test: TestOption = None,
    group: GroupOption = None,
    drop: DropOption = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help="Change a field, such as data.split=part."
        ),
    ] = None,
) -> None:
    """Say how data are read, and whether a study could train on them; nothing is trained.

    Rows, target, every column with what it is read as, and what is left out, with the reason.
    """
    from study.launching.plan import copies_in_test
    from workers.data.summary import summarize

    plan = _plan(source, _data_fields(target, test, group), listed(drop), overrides or [])
    console = data_console()
    copies = copies_in_test(plan)
    lines = summarize(plan.dataset).lines()
    for line in lines if copies is None else [*lines, f"warning: {copies.line}"]:
        console.print(line, soft_wrap=True)


@app.command()
def init(
    data: Annotated[Path, typer.Argument(metavar="FILE", help="A table.")],
    target: TargetOption = None,
    test: TestOption = None,
    group: GroupOption = None,
    drop: DropOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.yaml", help="Write to this file. Default: as the table is called."
        ),
    ] = None,
) -> None:
    """Write a first specification for a table, to be changed and launched.

    The data are read as a launch would read them; a file that is there is not replaced.
    """
    from study.specification.first import first_specification
    from workers.data.summary import summarize

    path = output or Path(f"{_stem(data)}.yaml")
    if path.suffix not in (".yaml", ".yml"):
        raise InvalidInput(f"--output: found {str(path)!r}; give a file that ends in .yaml")
    try:
        taken = path.exists()
    except OSError as error:  # the name is too long, or a folder is closed
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from None
    if taken:
        raise InvalidInput(f"{path} is there already; give another file with --output")
    fields = _data_fields(target, test, group)
    plan = _plan(str(data), fields, listed(drop), [])
    summary = summarize(plan.dataset).lines(most_columns=40)
    text = first_specification(_stem(data), data, path.parent, fields, listed(drop), summary)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from None
    for line in summary:
        say(line)
    say(f"wrote {path}; run it with:  {command('launch', str(path))}")


def _stem(data: Path) -> str:
    return data.name.split(".")[0] or data.name


def _data_fields(target: str | None, test: str | None, group: str | None) -> dict[str, str]:
    given = {"target": target, "test": test, "group": group}
    return {field: value for field, value in given.items() if value is not None}


def _plan(
    source: str, fields: dict[str, str], drop: tuple[str, ...], overrides: list[str]
) -> "Plan":
    """The plan of a specification, or of any study of a table."""
    from study.launching.plan import make_plan
    from study.specification.files import SUFFIXES, read_specification, validated
    from workers.data import ending_of

    path = Path(source)
    is_table = fields and path.suffix.lower() not in SUFFIXES and path.suffix != ""
    if ending_of(source) is None and not is_table:
        changed = [f"data.{field}={value}" for field, value in fields.items()]
        return make_plan(read_specification(source, overrides=[*changed, *overrides], drop=drop))
    document: dict[str, Any] = {
        "name": "check",
        "data": {"source": source, "drop": list(drop), **fields},
    }
    if overrides:
        raise InvalidInput("--set changes a specification; give one, or --target, --test, --group")
    return make_plan(validated(document, source))
