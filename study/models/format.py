"""The format of model.json through the versions: what every export has, what came later, and what
is to be said of one that cannot be read."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

# Raised where a program that knows only the version before would read something else in it: what is
# merely new to a program, a field or a level, it refuses by name.
FORMAT_VERSION: Final = 1

# What the first version says in these two. A field that is not among them came later: where it is
# not given, its default is what the networks were trained with.
FIRST_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "configuration": frozenset(
        {"topology", "depth", "width", "activation", "initialization", "dropout", "ensemble_size"}
        | {"learning_rate", "weight_decay", "batch_size", "optimizer", "train_fraction"}
        | {"early_stopping_patience"}
    ),
    "training": frozenset(
        {"epochs", "replicates", "evaluations", "leaky_relu_slope", "elu_alpha", "maxout_pieces"}
        | {"recurrent_cell", "momentum", "gradient_clip"}
    ),
}

_UNKNOWN: Final = "unknown_to_this_version"


def check_fields(part: str, given: Mapping[str, Any], wanted: type) -> None:
    """What every export has may not fall back on a default, and what is unknown is not passed over.

    Raises:
        ValueError: a field is missing or has no value that is possible.
        PydanticCustomError: a field or a level is unknown.
    """
    known = [field.name for field in fields(wanted)]
    for name in given:
        if name not in known:
            raise PydanticCustomError(_UNKNOWN, "unknown", {"what": f"{part}.{name}"})
    for name in known:
        if name in FIRST_FIELDS[part] and name not in given:
            raise ValueError(f"{part} lacks {name!r}")
    try:
        TypeAdapter(wanted).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, (part, *first["loc"])))
        if first["type"] == "enum":
            what = f"{field} = {first['input']!r}"
            raise PydanticCustomError(_UNKNOWN, "unknown", {"what": what}) from None
        raise ValueError(f"{field}: {first['msg']}") from None


def what_is_wrong(errors: Sequence[ErrorDetails], where: str) -> str:
    """The line about a description that cannot be read: it is newer, or damaged."""
    for found in errors:
        unknown = _unknown(found)
        if unknown is not None:
            return (
                f"{where} has {_cut(unknown)}, which this version of study does not know; upgrade "
                "it to the one that wrote it"
            )
    first = errors[0]
    field = ".".join(map(str, first["loc"])) or "the whole"
    message = " ".join(str(first["msg"]).split())
    return f"{where} is damaged: {field}: {message}; export it again"


def _unknown(found: ErrorDetails) -> str | None:
    """What it is that only a later version knows; None: it is an error of another kind."""
    field = ".".join(map(str, found["loc"]))
    match found["type"]:
        case "extra_forbidden":
            return field
        case "union_tag_invalid":
            return f"{field} of the kind {found['ctx']['tag']!r}"
        case _ if found["type"] == _UNKNOWN:
            return str(found["ctx"]["what"])
    return None


def _cut(text: str) -> str:
    """On one line, and not longer than it: it is what a file says."""
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."
