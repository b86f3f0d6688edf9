"""Which data a queued study may read: files below the service's data roots, and no others.

Whoever can write to the database can queue a study, and results tell a lot about the data: so a
service reads only what its operator has opened to all of them.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from study.errors import InvalidInput
from study.specification.files import is_file
from study.specification.spec import DataSpec

VARIABLE = "STUDY_DATA_ROOTS"
LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class DataRules:
    """The folders whose files may be read (none: built-in data only), and whether OpenML's data
    sets may be fetched."""

    roots: tuple[Path, ...] = ()
    openml: bool = False


def roots_in(variable: str | None) -> tuple[Path, ...]:
    """The folders in the environment variable's text, separated like those of PATH."""
    return tuple(Path(part) for part in (variable or "").split(os.pathsep) if part)


def permitted(data: DataSpec, rules: DataRules) -> DataSpec:
    """The same data, with the paths of files resolved: absolute and free of links.

    A relative path is looked for below each root in turn.

    Raises:
        InvalidInput: the data may not be read, or there is no such file below a root. What lies
            outside is refused in the same words whether or not it exists.
    """
    if data.source.startswith("openml:") and not rules.openml:
        raise InvalidInput(
            f"data.source: {_shown(data.source)} is refused: this service does not fetch data "
            "from OpenML"
        )
    changed = {}
    if is_file(data.source):
        changed["source"] = str(_file("source", data.source, rules.roots))
    if data.test is not None:
        changed["test"] = str(_file("test", data.test, rules.roots))
    return data.model_copy(update=changed)


def _file(field: str, given: str, roots: tuple[Path, ...]) -> Path:
    if not roots:
        raise InvalidInput(
            f"data.{field}: {_shown(given)} is refused: this service reads no files, only "
            "built-in data"
        )
    inside = False
    for root in roots:
        resolved = _below(root, given)
        if resolved is not None:
            inside = True
            if os.path.isfile(resolved):  # noqa: PTH113  Path's raises for a name that is too long
                return resolved
    where = "there is no such file below" if inside else "lies outside of"
    raise InvalidInput(f"data.{field}: {_shown(given)}: {where} the service's data roots")


def _shown(given: str) -> str:
    return repr(given if len(given) <= LONGEST_SHOWN else f"{given[:LONGEST_SHOWN]}…")


def _below(root: Path, given: str) -> Path | None:
    """Where the path leads, links followed; None: not below root."""
    try:
        folder = root.resolve(strict=True)
        resolved = (folder / given).resolve()
    except (OSError, RuntimeError, ValueError):  # no such root; a loop of links; a null character
        return None
    return resolved if resolved.is_relative_to(folder) else None
