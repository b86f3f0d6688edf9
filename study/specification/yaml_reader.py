"""From YAML text, which anybody may have written, to plain values: bounded in time and memory.

Only YAML's plain values are made: a tag that names a Python object is refused, never followed.
"""

import re
from typing import Any

import yaml

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
        # PyYAML's own: a date like 2024-99-99, !!int of a word, a number of thousands of digits.
        raise Unreadable("a number or date in it cannot be read") from None


class _Loader(yaml.SafeLoader):
    """Plain values, with 1e-3 as a number: YAML 1.1 wants 1.0e-3 and silently reads it as text."""

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

    @staticmethod
    def _refuse(event: Any, problem: str) -> None:
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$"),
    list("-+0123456789"),
)


def _one_line(problem: str | None) -> str:
    text = " ".join((problem or "it cannot be read").split())
    return text if len(text) <= 200 else f"{text[:197]}..."
