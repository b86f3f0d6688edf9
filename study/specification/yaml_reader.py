"""From YAML text, which anybody may have written, to plain values and back: bounded in time and
memory.

Words are read by the core schema of YAML 1.2, and so `no`, `1:30` and `2024-01-01` are text. Only
its plain values are made: a tag that names anything else is refused, never followed.
"""

import re
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

MOST_BYTES = 256 * 1024
"""Longest text that is read; the built-in specifications have about a thousand bytes."""

MOST_VALUES = 20_000
"""Values in a document, those that an alias repeats counted each time."""

MOST_LEVELS = 32
"""Mappings and lists inside each other; a specification has five."""

MOST_CHARACTERS = 4096
"""Length of one value."""


class Unreadable(Exception):
    """The text is no document; str() says why, and line where (from 1; None: unknown)."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


def read_document(text: str | bytes) -> Any:
    """The plain values that YAML text, in UTF-8 if it is bytes, describes.

    Raises:
        Unreadable: it is not YAML, asks for something other than plain values, or is too much.
    """
    if len(text) > MOST_BYTES:
        raise Unreadable(f"longer than {MOST_BYTES // 1024} KiB")
    try:
        return yaml.load(text if isinstance(text, str) else text.decode("utf-8"), _Loader)
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 at byte {error.start}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise Unreadable(_one_line(error.problem), mark.line + 1 if mark else None) from None
    except yaml.YAMLError:
        raise Unreadable("it holds characters that YAML does not allow") from None
    except (ValueError, LookupError, OverflowError):
        # !!int or !!bool of a word, a number of thousands of digits.
        raise Unreadable("a number or a truth value in it cannot be read") from None


class _Loader(yaml.SafeLoader):
    """Plain values, and each key once: PyYAML reads YAML 1.1, and keeps the last of equal keys."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._levels = 0
        self._values = 0
        self._sizes: dict[str | None, int] = {}  # values below an anchor that is complete

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One value with all that is in it; the only place where nesting and aliases happen."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        before = self._values
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._sizes and event.anchor in self.anchors:
                self._refuse(event, f"*{event.anchor} lies inside itself")
            self._values += self._sizes.get(event.anchor, 1)
        else:
            self._values += 1
        self._levels += 1
        if self._levels > MOST_LEVELS:
            self._refuse(event, f"more than {MOST_LEVELS} levels inside each other")
        if self._values > MOST_VALUES:
            self._refuse(event, f"more than {MOST_VALUES} values")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > MOST_CHARACTERS:
            self._refuse(event, f"a value longer than {MOST_CHARACTERS} characters")
        node = super().compose_node(parent, index)
        self._levels -= 1
        if not isinstance(event, yaml.AliasEvent) and event.anchor is not None:
            self._sizes[event.anchor] = self._values - before
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """A mapping. Its keys are compared as they stand here: not with those of one merged in."""
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, Any], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, "a key is a list or a mapping")
            merges = key.tag == "tag:yaml.org,2002:merge"
            value = (key.tag, key.value if merges else self.construct_object(key))
            if value in lines:
                where = f"first in line {lines[value]}"
                self._refuse(key, f"the key {key.value!r} stands twice, {where}")
            lines[value] = key.start_mark.line + 1
        return node

    @staticmethod
    def _refuse(event: Any, problem: str) -> None:
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def _integer(loader: _Loader, node: Any) -> int:
    text = loader.construct_scalar(node)
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


def _float(loader: _Loader, node: Any) -> float:
    return float(
        loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan")
    )


def _boolean(loader: _Loader, node: Any) -> bool:
    return {"true": True, "false": False}[loader.construct_scalar(node).lower()]


def _text(loader: _Loader, node: Any) -> str:
    # JSON writes what lies beyond 16 bits as two halves: they belong together.
    halves = str(loader.construct_scalar(node)).encode("utf-16", "surrogatepass")
    try:
        return halves.decode("utf-16")
    except UnicodeDecodeError:
        raise yaml.MarkedYAMLError(
            problem="half a character in a text", problem_mark=node.start_mark
        ) from None


class _Dumper(yaml.SafeDumper):
    """Puts in quotation marks what YAML 1.1 would read as something else, and what 1.2 would."""


# The core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema), the first characters
# of what each pattern matches, and << as YAML 1.1 had it.
_SCHEMA: tuple[tuple[str, str | None, list[str], Any], ...] = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""], SafeConstructor.construct_yaml_null),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF"), _boolean),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789"), _integer),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
        _float,
    ),
    ("str", None, [], _text),
    ("seq", None, [], SafeConstructor.construct_yaml_seq),
    ("map", None, [], SafeConstructor.construct_yaml_map),
    ("merge", r"<<", ["<"], None),
)
_Loader.yaml_implicit_resolvers = {}
_Loader.yaml_constructors = {None: SafeConstructor.construct_undefined}
for _name, _pattern, _first_characters, _constructor in _SCHEMA:
    _tag = f"tag:yaml.org,2002:{_name}"
    if _pattern is not None:
        for _kind in (_Loader, _Dumper):
            _kind.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})$"), _first_characters)
    if _constructor is not None:
        _Loader.add_constructor(_tag, _constructor)


def write_document(document: Any) -> str:
    """YAML text that read_document, and readers of YAML 1.1, read as these plain values."""
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def _one_line(problem: str | None) -> str:
    text = " ".join((problem or "it cannot be read").split())
    return text if len(text) <= 200 else f"{text[:197]}..."
