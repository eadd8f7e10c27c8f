"""Following a node's events: parsing server-sent events, resuming where the stream broke."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from pydantic import TypeAdapter, ValidationError

from medquorum.node.client_transport import ApiProblem, NodeUnreachable, Transport
from medquorum.node.views import EventView

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 5.0
LINE_BYTES: Final = 262_144
"""An event is far smaller; a node that sends a longer line is not one of ours."""

_EVENT: Final = TypeAdapter(EventView)


async def follow_events(transport: Transport, after: int) -> AsyncGenerator[EventView, None]:
    """Events with a sequence greater than `after`, in order, each once.

    A broken or ended stream is taken up again with Last-Event-ID, with growing pauses while the
    node is away. ApiProblem ends it when the node refuses (but 503: it is starting).
    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            async for event in _one_stream(transport, after):
                if event.sequence > after:
                    after, pause = event.sequence, FIRST_PAUSE_SECONDS
                    yield event
        except NodeUnreachable:
            pass
        except ApiProblem as problem:
            if problem.status != 503:
                raise
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def _one_stream(transport: Transport, after: int) -> AsyncIterator[EventView]:
    headers = {"Last-Event-ID": str(after), "Accept": "text/event-stream"}
    gathered: list[bytes] = []
    async for line in _lines(transport.stream("/v1/events", headers=headers)):
        if line.startswith(b"data:"):
            gathered.append(line[5:].removeprefix(b" "))
        elif not line and gathered:
            yield _parsed(b"\n".join(gathered))
            gathered = []


def _parsed(body: bytes) -> EventView:
    try:
        return _EVENT.validate_json(body)
    except ValidationError:
        raise ApiProblem(502, "answer", "the node's event is unreadable; use its version") from None


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    left = b""
    async for piece in pieces:
        *lines, left = (left + piece).split(b"\n")
        if len(left) > LINE_BYTES:
            raise ApiProblem(502, "answer", "the node's event is too long; use its version")
        for line in lines:
            yield line.rstrip(b"\r")
