"""Logs: names and opaque references pass; anything that could be a patient's does not."""

import errno
import io
import json
import logging
import time
from collections.abc import Iterator

import pytest
import structlog
from aiohttp.http_exceptions import LineTooLong

from medquorum.node import logs

CANARY = "Ms-Canary-7731"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    output = io.StringIO()
    logs.configure_logs("info", stream=output)
    yield output
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def _only_line(stream: io.StringIO) -> dict[str, object]:
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    fields: dict[str, object] = json.loads(lines[0])
    return fields


def test_allowed_fields_pass_as_they_are(stream: io.StringIO) -> None:
    logs.get_logger("p2p").info("peer_connected", peer="ab12", count=3, digest=b"\x01\x02")
    line = _only_line(stream)
    assert line.pop("timestamp")
    assert line == {
        "component": "p2p",
        "event": "peer_connected",
        "level": "info",
        "peer": "ab12",
        "count": 3,
        "digest": "0102",
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"patient_name": CANARY},
        {"reason": f"refused for {CANARY}"},
        {"peer": {"name": CANARY}},
        {"peer": [f"{CANARY} twice over"]},
        {"record": CANARY.encode() * 10},
        {"reason": CANARY * 20},
        {"peer": object()},
        {"reason": f"{CANARY}\n"},
    ],
)
def test_other_fields_and_texts_are_withheld_and_counted(
    stream: io.StringIO, fields: dict[str, object]
) -> None:
    logs.get_logger("api").warning("request_refused", **fields)
    line = _only_line(stream)
    assert CANARY not in stream.getvalue()
    assert line["withheld"] == 1
    assert line["event"] == "request_refused"


def test_a_sentence_is_not_an_event(stream: io.StringIO) -> None:
    logs.get_logger("api").info(f"opened the record of {CANARY}")
    assert _only_line(stream)["event"] == "malformed_event"
    assert CANARY not in stream.getvalue()


def test_exceptions_show_type_and_lines_but_no_message(stream: io.StringIO) -> None:
    try:
        raise LookupError(CANARY)
    except LookupError:
        logs.get_logger("api").exception("request_failed")
    line = _only_line(stream)
    assert line["error_type"] == "LookupError"
    assert str(line["error_at"]).startswith("['test_logs.py:")
    assert CANARY not in stream.getvalue()


def test_an_error_of_the_system_shows_its_name(stream: io.StringIO) -> None:
    try:
        raise OSError(errno.ENOSPC, CANARY)
    except OSError:
        logs.get_logger("api").exception("request_failed")
    assert _only_line(stream)["errno"] == "ENOSPC"
    assert CANARY not in stream.getvalue()


def test_libraries_are_heard_without_their_words(stream: io.StringIO) -> None:
    logging.getLogger("aiohttp.access").info("GET /%s", CANARY)
    assert stream.getvalue() == ""
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("asyncio").error("task failed: %s", CANARY, exc_info=True)
    line = _only_line(stream)
    assert (line["event"], line["logger"], line["level"]) == ("library_message", "asyncio", "error")
    assert line["error_type"] == "ValueError"
    assert CANARY not in stream.getvalue()


def test_malformed_requests_are_counted_and_told_once_a_minute(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    for seconds in (0.0, 1.0, 58.0, 2.0, 1.0):
        clock[0] += seconds
        error = LineTooLong(CANARY.encode(), 4_096)
        logging.getLogger("aiohttp.server").error("from %s", CANARY, exc_info=error)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["level"], line["count"]) for line in lines] == [
        ("request_malformed", "info", 1),
        ("request_malformed", "info", 3),
    ]
    assert CANARY not in stream.getvalue()


def test_the_level_is_kept(stream: io.StringIO) -> None:
    logs.get_logger("p2p").debug("peer_pinged")
    assert stream.getvalue() == ""
