"""Which file was meant, where several may have its name: told by its SHA-256."""

import hashlib
from pathlib import Path

from study.errors import InvalidInput
from study.specification.files import is_file
from study.specification.spec import DataSpec

# The fields that name a file, and those that say which one is meant.
FILES = {"source": "sha256", "test": "test_sha256"}


def with_sha256(data: DataSpec, here: DataSpec) -> DataSpec:
    """The same data, with the SHA-256 of the files that can be read here, for whoever reads them
    elsewhere. here are the data with the paths that lead to them from here.

    Raises:
        InvalidInput: a file here is another one than the data say already.
    """
    check_files(data, here)
    found = {}
    for field, hashed in FILES.items():
        path = _file(getattr(here, field))
        if path is not None and (known := _sha256(path)) is not None:
            found[hashed] = known
    return data.model_copy(update=found)


def check_files(data: DataSpec, here: DataSpec) -> None:
    """Refuse files that are not those that the data mean; here are the data with the paths that
    lead to them from here. What is not there, or does not say, is nobody's to refuse here.

    Raises:
        InvalidInput: naming the file, with both SHA-256.
    """
    for field, hashed in FILES.items():
        meant, path = getattr(data, hashed), _file(getattr(here, field))
        if meant is None:
            continue
        named = getattr(data, field)
        if path is None:
            raise InvalidInput(f"data.{hashed}: found {meant[:12]}…, but {named!r} is no data file")
        found = _sha256(path)
        if found not in (None, meant):
            raise InvalidInput(
                f"data.{field}: {named!r} is another file here than the one that was meant: its "
                f"SHA-256 is {found[:12]}…, and not {meant[:12]}…; put that file here, or say by "
                f"data.{hashed} that this one is meant"
            )


def _file(named: str | None) -> Path | None:
    return Path(named) if named is not None and is_file(named) else None


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):  # it is not there; a null character in its name
        return None
