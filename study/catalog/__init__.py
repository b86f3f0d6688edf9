"""The built-in studies: one YAML specification each, beside this file."""

from pathlib import Path

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The built-in studies, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def find(name: str) -> Path | None:
    """The specification of the built-in study `name`, or None."""
    return _FOLDER / f"{name}.yaml" if name in names() else None


def summary(name: str) -> str:
    """What the study is for: the comment that begins its specification."""
    first = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    return first.lstrip("# ").rstrip(".")
