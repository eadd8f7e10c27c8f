"""Logs without patient content: JSON lines of named events with fields of an allow-list.

An event is a stable snake_case name, never a sentence; a field is kept only when its key is on
the list and its value is a number, a flag or a short token without spaces. What is left out is
counted in `withheld`. Exceptions appear as their type and the lines they passed, never with
their message, and the same holds for log records of libraries.
"""

import errno
import logging
import math
import re
import sys
import time
import traceback
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO, TypeAlias

import structlog
from aiohttp.http_exceptions import HttpProcessingError

ALLOWED_KEYS: Final = frozenset(
    {
        *("component", "event", "level", "logger", "timestamp"),
        *("address", "member", "moniker", "network", "node", "peer", "role", "user"),
        *("batch", "block", "charter", "digest", "epoch", "height", "kind", "part", "patient"),
        *("proposal", "record", "slot", "verdict", "vote"),
        *("host", "method", "port", "request", "revision", "route", "status", "version"),
        *("count", "index", "limit", "queue", "rate", "size_bytes", "wait_ms"),
        *("at_ms", "deadline_ms", "duration_ms", "lag_ms"),
        *("code", "errno", "error_at", "error_type", "reason", "signal"),
        *("model", "model_digest", "modality"),
    }
)
"""Every one is an opaque reference, a number or a closed vocabulary. Names, texts and values
of a record are none of these."""

FRAMES_LIMIT: Final = 8
MALFORMED_SECONDS: Final = 60.0
"""Between two lines about malformed requests: a stranger must not fill the log."""
WITHHELD: Final = "[withheld]"

_EVENT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,160}")

EventFields: TypeAlias = MutableMapping[str, Any]


def configure_logs(level: str = "info", *, stream: TextIO | None = None) -> None:
    """Send this process's logs, libraries' warnings included, as JSON lines to `stream`.

    `level` is debug, info, warning or error; `stream` is standard error by default.
    """
    output = sys.stderr if stream is None else stream
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            describe_exception,
            keep_allowed_fields,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_level_number(level)),
        logger_factory=structlog.PrintLoggerFactory(output),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_LibraryHandler()]
    root.setLevel(logging.WARNING)


def get_logger(component: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of one component; call it with an event name and allowed fields."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(component=component)
    return logger


def _level_number(level: str) -> int:
    return {"debug": 10, "info": 20, "warning": 30, "error": 40}[level]


def describe_exception(_logger: object, _method: str, fields: EventFields) -> EventFields:
    """Replace `exc_info` by the exception's type, errno name and the lines it passed."""
    given = fields.pop("exc_info", None)
    if isinstance(given, tuple):
        given = given[1]
    error = sys.exc_info()[1] if given is True else given
    if isinstance(error, BaseException):
        fields["error_type"] = type(error).__name__
        if isinstance(error, OSError) and error.errno is not None:
            fields["errno"] = errno.errorcode.get(error.errno, error.errno)
        fields["error_at"] = tuple(_frames(error.__traceback__))
    return fields


def _frames(trace: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(trace)[-FRAMES_LIMIT:]:
        yield f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}"


def keep_allowed_fields(_logger: object, _method: str, fields: EventFields) -> EventFields:
    """Drop every key off the allow-list and every value that could hold a text."""
    event = fields.get("event")
    kept: EventFields = {key: fields[key] for key in fields if key in ALLOWED_KEYS}
    well_named = isinstance(event, str) and _EVENT_NAME.fullmatch(event)
    kept["event"] = event if well_named else "malformed_event"
    withheld = len(fields) - len(kept) + (0 if well_named else 1)
    for key, value in kept.items():
        kept[key] = _safe(value)
        withheld += kept[key] == WITHHELD
    if withheld:
        kept["withheld"] = withheld
    return kept


def _safe(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 64 else WITHHELD
    if isinstance(value, str):
        return str(value) if _TOKEN.fullmatch(value) else WITHHELD
    if isinstance(value, tuple | list) and len(value) <= FRAMES_LIMIT:
        listed = [_safe(each) for each in value]
        return WITHHELD if WITHHELD in listed else listed
    return WITHHELD


class _LibraryHandler(logging.Handler):
    """Tell that a library warned, where and with which exception; its text may quote anything.

    What is no HTTP is a caller's fault and needs no login: told as information, once a minute
    with the number of them since the last time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._malformed = 0
        self._told_at_s = -math.inf

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if record.name == "aiohttp.server" and isinstance(error, HttpProcessingError):
            self._count_malformed(type(error).__name__)
            return
        structlog.get_logger().log(
            record.levelno,
            "library_message",
            logger=record.name,
            error_at=(f"{Path(record.pathname).name}:{record.lineno}:{record.funcName}",),
            exc_info=record.exc_info,
        )

    def _count_malformed(self, kind: str) -> None:
        self._malformed += 1
        now_s = time.monotonic()
        if now_s - self._told_at_s >= MALFORMED_SECONDS:
            get_logger("api").info("request_malformed", count=self._malformed, error_type=kind)
            self._malformed, self._told_at_s = 0, now_s
