"""A check: what was looked at, what was found, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended. A warning is no reason not to run a study."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One check; found and remedy are one line each, remedy is empty where nothing is to do."""

    group: str
    name: str
    outcome: Outcome
    found: str
    remedy: str = ""


def ok(group: str, name: str, found: str) -> Check:
    """A check that found nothing wrong."""
    return Check(group, name, Outcome.OK, found)


def warning(group: str, name: str, found: str, remedy: str) -> Check:
    """A check that found what may become a trouble."""
    return Check(group, name, Outcome.WARNING, found, remedy)


def failed(group: str, name: str, found: str, remedy: str) -> Check:
    """A check that found why studies cannot run, or cannot be trusted."""
    return Check(group, name, Outcome.FAILED, found, remedy)


def size(amount: float) -> str:
    """Bytes as a person says them: 512 MiB, 3.2 GiB."""
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB" if amount < 1024 else f"{amount / 1024:.1f} TiB"
