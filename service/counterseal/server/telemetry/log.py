"""Structured logs: one JSON object a line, on standard error.

An exception's text never enters a line unless it is a `ServiceError`, whose texts are safe by contract: drivers and libraries
format values into theirs (SQLAlchemy prints parameters). What is kept of others: their types, and where they were raised.
"""

import contextlib
import logging
import sys
import traceback
from collections.abc import Iterator
from typing import Any, Final, TextIO

import structlog

from counterseal.server.errors import ServiceError

Log = structlog.typing.FilteringBoundLogger

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_MAX_FRAMES: Final = 30
_MAX_CAUSES: Final = 5


def open_log(level: str, stream: TextIO | None = None) -> Log:
    """Return the service's log on `stream` (standard error by default), and lead the libraries' logs into it.

    `level` is debug, info, warning or error; what lies below costs nothing.
    """
    log: Log = structlog.wrap_logger(
        structlog.WriteLogger(_Patient(stream or sys.stderr)),  # type: ignore[arg-type]  # it writes and flushes, and no more is asked
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Lead)]:
        root.removeHandler(handler)
    root.addHandler(_Lead(log))
    root.setLevel(max(_LEVELS[level], logging.WARNING))
    return log


def describe(error: BaseException) -> dict[str, Any]:
    """Return what may be logged about an exception: types and places all along its causes, and safe texts alone."""
    found: dict[str, Any] = {"error": [_name(cause) for cause in _causes(error)], "frames": _frames(error)}
    if isinstance(error, ServiceError):
        found["text"] = str(error)
    return found


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if current is None:
            return
        yield current
        current = current.__cause__ or current.__context__


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _frames(error: BaseException) -> list[str]:
    # Names and numbers only: source lines and local variables may show values.
    walked = traceback.walk_tb(error.__traceback__)
    frames = [f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}" for frame, line in walked]
    return frames[-_MAX_FRAMES:]


class _Patient:
    """A stream that does not raise when nobody reads it any more: a full disk under the log must not stop verification."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write, or lose the line."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        """Flush, or lose the line."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class _Lead(logging.Handler):
    """Writes a library's log record without its text, which may carry values."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write logger, level, place, and the kind of exception."""
        details: dict[str, Any] = {"logger": record.name, "at": f"{record.module}:{record.lineno}"}
        if record.exc_info and record.exc_info[1] is not None:
            details |= describe(record.exc_info[1])
        self._log.log(max(record.levelno, logging.DEBUG), "library_log", **details)
