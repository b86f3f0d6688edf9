"""Logs: one line an event on stderr, for people or as JSON. structlog is used here alone.

What libraries log or warn about goes the same way, and so does an error that nobody caught, so that
stderr has one format. No line holds a password: URLs come without theirs (storage.database.urls),
and what a library may have put into a message is masked here.
"""

import logging
import re
import sys
import threading
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

import structlog

from study.errors import InvalidInput
from study.monitoring.event import Event
from study.monitoring.progress import Snapshot


class LogFormat(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}
LEVELS["error"] = logging.ERROR


def configure_logs(style: str, level: str = "info", *, study: str | None = None) -> None:
    """Write the logs of this process to stderr from now on. study is on every line, whoever
    writes it: the only one of this process.

    Raises:
        InvalidInput: no such format or level.
    """
    if style not in list(LogFormat):
        raise InvalidInput(f"--log-format: found {style!r}; give one of {', '.join(LogFormat)}")
    if level not in LEVELS:
        raise InvalidInput(f"--log-level: found {level!r}; give one of {', '.join(LEVELS)}")
    stamped: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*stamped, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *([] if study is None else [_naming(study)]),
                _mask_passwords,
                _renderer(LogFormat(style)),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("study").setLevel(LEVELS[level])
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda seen: _log_uncaught(
        seen.exc_type, seen.exc_value, seen.exc_traceback
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *stamped,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _renderer(style: LogFormat) -> Any:
    if style is LogFormat.JSON:
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), timestamp_key="time", pad_event_to=20
    )


def _log_uncaught(kind: Any, error: Any, trace: Any) -> None:
    if not issubclass(kind, KeyboardInterrupt | SystemExit):
        log_of().critical("error", exc_info=(kind, error, trace))


def _naming(study: str) -> Any:
    def name(_logger: Any, _method: str, line: Mapping[str, Any]) -> dict[str, Any]:
        return {**line, "study": study}

    return name


_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):[^\s@/]+@")


def _mask_passwords(_logger: Any, _method: str, line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _PASSWORD.sub(r"\1:***@", value) if isinstance(value, str) else value
        for name, value in line.items()
    }


class StudyLog:
    """The progress of one study as log lines."""

    def __init__(self, study: str) -> None:
        self._log = log_of(study)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Where a study stands is no event."""

    def write_line(self, line: str) -> None:
        """Log what has no kind of its own."""
        self._log.info(line)

    def record_event(self, event: Event) -> None:
        """Log the event with its facts, unless it is one to be counted only."""
        if event.level < logging.DEBUG:
            return
        self._log.log(event.level, event.name, **event.fields)

    def __enter__(self) -> Self:
        # Optuna would write its own lines to stderr by itself. A study loads it in any case.
        from optuna import logging as optuna_logging

        optuna_logging.disable_default_handler()
        optuna_logging.enable_propagation()
        return self

    def __exit__(self, *_: object) -> None: ...


def log_of(study: str | None = None) -> Any:
    """Logs lines of the study, or of none: `log_of("digits").info("what", key=…)`."""
    log = structlog.stdlib.get_logger("study")
    return log if study is None else log.bind(study=study)
