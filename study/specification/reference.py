"""The page docs/specification.md: every field of a specification, made from the model itself.

Written anew with: python -m study.specification.reference > docs/specification.md
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from study.specification.claims import Claim
from study.specification.spec import (
    BudgetSpec,
    ConfirmSpec,
    DataSpec,
    EarlyStoppingSpec,
    ResourcesSpec,
    SearchSpec,
    StudySpec,
    TrainingSpec,
)

_SECTIONS: Mapping[str, type[BaseModel]] = {
    "data": DataSpec,
    "search": SearchSpec,
    "training": TrainingSpec,
    "training.early_stopping": EarlyStoppingSpec,
    "budget": BudgetSpec,
    "confirm": ConfirmSpec,
    "resources": ResourcesSpec,
    "claims (each)": Claim,
}
_HEAD = """# The specification, field by field

A specification is YAML, read by the core schema of YAML 1.2, or JSON; each key stands once. The
same for editors, as a JSON schema: `study schema`. This page is made from the model by
`python -m study.specification.reference`.
"""


def page() -> str:
    """The page as Markdown."""
    parts = [_HEAD, "## The study\n", *_table(StudySpec)]
    for name, model in _SECTIONS.items():
        parts += [f"\n## {name}\n", *_table(model)]
    return "\n".join(parts) + "\n"


def _table(model: type[BaseModel]) -> Iterator[str]:
    yield " ".join((model.__doc__ or "").split()) + "\n"
    yield "| field | default | what it is |"
    yield "|---|---|---|"
    for name, field in model.model_fields.items():
        words = " ".join((field.description or "").split()).replace("|", "\\|")
        yield f"| `{name}` | {_default(field)} | {words} |"


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if field.is_required():
        return "required"
    if value is None or isinstance(value, BaseModel):
        return "none" if value is None else "see below"
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value) or "none"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(page())
