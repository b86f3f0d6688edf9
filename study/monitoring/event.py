"""What every event is, whatever happened: see study.monitoring.events for the kinds.

An event is recorded with a `study.monitoring.progress.Progress`; which of them a display, a log or
a metric shows is for those to say. It is of the one study whose progress records it. Fields are
plain values, so that an event can be written to a log or sent to another process.
"""

import logging
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

COUNTED_ONLY = logging.DEBUG - 5
"""The level of what is counted and never logged."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. name says what, in a few words that never change.

    level and line are class variables in the kinds for which they are always the same.
    """

    name: ClassVar[str] = "event"

    @property
    def level(self) -> int:
        """A level of the standard library's logging, or COUNTED_ONLY."""
        return logging.INFO

    @property
    def line(self) -> str:
        """The event for a person who watches the study; "" where it is not worth a line."""
        return ""

    @property
    def fields(self) -> dict[str, Any]:
        """The facts by name, without those that are not known."""
        return {name: value for name, value in asdict(self).items() if value is not None}
