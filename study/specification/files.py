"""From what a user names, a file, a built-in study or single fields, to a specification.

Every mistake becomes one InvalidInput line: where it is, what was found, what would be right.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from study import catalog
from study.errors import InvalidInput, nearest
from study.specification.dimensions import SHAPES
from study.specification.plain_values import as_yaml
from study.specification.spec import StudySpec
from study.specification.yaml_reader import MOST_BYTES, MOST_LEVELS, Unreadable, read_document

SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def read_specification(
    source: str,
    *,
    name: str | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    drop: Sequence[str] = (),
    paths_as_written: bool = False,
) -> StudySpec:
    """The specification in the file `source` or of the built-in study of that name.

    overrides are "dotted.field=value" in YAML's notation; name and seed replace the fields so
    called; drop are further columns for data.drop. Paths inside a file are relative to it, in an
    override to the current directory; or all of them stay as they are written, for somebody else
    to find.

    Raises:
        InvalidInput: anything in it is wrong.
    """
    path = _path_of(source)
    where = source
    document = _parse(path, where)
    for field in ("source", "test"):
        if not paths_as_written:
            _make_absolute(document.get("data"), field, path.parent)
    for override in overrides:
        _apply(document, override, paths_as_written=paths_as_written)
    if drop and isinstance(document.get("data"), dict):
        given = document["data"].get("drop")
        named = [] if given is None else [given] if isinstance(given, str) else given
        if isinstance(named, list):  # what else there is, is refused below
            document["data"]["drop"] = [*named, *drop]
    if name is not None:
        document["name"] = name
    if seed is not None:
        document["seed"] = seed
    return validated(document, where)


def validated(document: Mapping[str, Any], where: str) -> StudySpec:
    """The specification that a document of plain values describes.

    Raises:
        InvalidInput: naming the first field that is wrong.
    """
    try:
        return StudySpec.model_validate(document)
    except ValidationError as error:
        raise InvalidInput(f"{where}: {_one_line(error)}") from None


def _path_of(source: str) -> Path:
    path = Path(source)
    try:
        there = path.is_file()
    except OSError as error:  # the name is too long, or a folder is closed
        raise InvalidInput(f"{_cut(source)}: cannot be read: {error.strerror}") from None
    if path.suffix in SUFFIXES or there:
        if not there:
            raise InvalidInput(f"{source}: there is no such file; give a specification (.yaml)")
        return path
    built_in = catalog.find(source)
    if built_in is None:
        known = catalog.names()
        raise InvalidInput(
            f"{source!r} is neither a specification file (.yaml) nor a built-in study"
            f"{nearest(source, known)} (built in: {', '.join(known)})"
        )
    return built_in


def _parse(path: Path, where: str) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            # A byte more than is allowed is enough to refuse the rest unread.
            content = file.read(MOST_BYTES + 1)
        if path.suffix == ".json":
            # Tabs may stand between JSON's values, which YAML's reader refuses, and in no text.
            content = content.replace(b"\t", b" ")
        document = read_document(content)
    except Unreadable as error:
        line = f" line {error.line}" if error.line else ""
        raise InvalidInput(f"{where}:{line} is not a YAML specification: {error}") from None
    except OSError as error:
        raise InvalidInput(f"{where}: cannot be read: {error}") from None
    if document is None:
        raise InvalidInput(f"{where}: is empty; give a mapping of fields to values")
    if not isinstance(document, dict):
        raise InvalidInput(f"{where}: found {_shown(document)}; give a mapping of fields to values")
    return document


def _make_absolute(section: Any, field: str, folder: Path) -> None:
    if isinstance(section, dict) and isinstance(section.get(field), str):
        path = Path(section[field])
        if is_file(section[field]):
            section[field] = str((folder / path).resolve())


def is_file(source: str) -> bool:
    """Whether data.source or data.test names a file, rather than built-in data or openml:ID."""
    return ("." in source or "/" in source) and not source.startswith("openml:")


def _apply(document: dict[str, Any], override: str, *, paths_as_written: bool) -> None:
    dotted, equals, text = override.partition("=")
    if not equals or not dotted:
        raise InvalidInput(f"--set {_cut(override)}: give field=value, such as search.depth=3")
    *sections, field = dotted.split(".")
    if len(sections) > MOST_LEVELS:
        raise InvalidInput(f"--set {_cut(override)}: no field lies so deep")
    try:
        value = read_document(text)
    except Unreadable as error:
        raise InvalidInput(
            f"--set {_cut(override)}: {_shown(text)} is not a YAML value: {error}"
        ) from None
    section = document
    for key in sections:
        if not isinstance(section.get(key), dict):
            section[key] = {}
        section = section[key]
    section[field] = value
    if sections == ["data"] and field in ("source", "test") and not paths_as_written:
        _make_absolute(section, field, Path.cwd())


_ADVICE: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda ctx: "is missing; it is required",
    "int_type": lambda ctx: "give a whole number",
    "int_from_float": lambda ctx: "give a whole number",
    "float_type": lambda ctx: "give a number",
    "bool_type": lambda ctx: "give true or false",
    "string_type": lambda ctx: "give text, in quotation marks if it looks like something else",
    "tuple_type": lambda ctx: "give a list",
    "finite_number": lambda ctx: "give a finite number",
    "enum": lambda ctx: f"give one of {ctx['expected']}",
    "greater_than": lambda ctx: f"give a value > {ctx['gt']:g}",
    "greater_than_equal": lambda ctx: f"give a value ≥ {ctx['ge']:g}",
    "less_than": lambda ctx: f"give a value < {ctx['lt']:g}",
    "less_than_equal": lambda ctx: f"give a value ≤ {ctx['le']:g}",
    "union_tag_invalid": lambda ctx: "give a single level or a list of levels",
    "string_unicode": lambda ctx: "give text in UTF-8",
    "string_too_short": lambda ctx: "give some text",
    "string_pattern_mismatch": lambda ctx: "give a name without slashes and control characters",
    "model_type": lambda ctx: "give a mapping of fields to values",
    "mapping_type": lambda ctx: "give a mapping of fields to values",
}


def _one_line(error: ValidationError) -> str:
    errors = error.errors()
    first = errors[0]
    field = _dotted(first["loc"])
    context = first.get("ctx", {})
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] == "value_error":
        text = str(context["error"])
    elif first["type"] == "missing":
        text = "is missing; it is required"
    else:
        right = _ADVICE[first["type"]](context) if first["type"] in _ADVICE else first["msg"]
        text = f"found {_shown(first['input'])}; {right}{_did_you_mean(first)}"
    return f"{field}: {text}{more}" if field else f"{text}{more}"


def _did_you_mean(error: Any) -> str:
    if error["type"] != "enum":
        return ""
    levels = re.findall(r"'([^']+)'", error["ctx"]["expected"])
    return nearest(str(error["input"]), levels)


def _dotted(location: Sequence[int | str]) -> str:
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in SHAPES:
            path += f".{part}" if path else part
    return path


def _shown(value: Any) -> str:
    try:
        return _cut(as_yaml(value))
    except ValueError:  # Python writes no number of thousands of digits
        return "a number of thousands of digits"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
